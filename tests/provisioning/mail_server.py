"""A small SMTP server on a real socket: takes what it is told to take, answers the rest as a real one would."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """`refused` maps an address to the answer that RCPT TO gets; `taken` is what was taken, header and text."""

    port: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    at_the_end: str = "250 2.0.0 taken"
    taken: list[str] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """It listens as long as the block lasts."""
    server = MailServer()

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.example ready")
            while line := self.rfile.readline().decode().strip():
                verb = line.upper()
                if verb.startswith("RCPT TO:"):
                    self.say(server.refused.get(line[9:-1], "250 2.1.5 ok"))
                elif verb == "DATA":
                    self.say("354 go on")
                    server.taken.append(self._text())
                    self.say(server.at_the_end)
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def say(self, answer: str) -> None:
            self.wfile.write(f"{answer}\r\n".encode())

        def _text(self) -> str:
            lines: list[str] = []
            while (line := self.rfile.readline().decode()) != ".\r\n":
                lines.append(line)
            return "".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as listening:
        listening.daemon_threads = True
        server.port = listening.server_address[1]
        threading.Thread(target=listening.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown()

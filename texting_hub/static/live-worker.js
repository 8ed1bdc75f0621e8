/* The live stream: one EventSource a browser, shared by all its tabs (SharedWorker). A browser without SharedWorker
   loads this file into the page and calls LiveStream itself.
   Listeners are told {type: "open" | "down" | "event", name, data}. "down" after repeated failures: ask by yourself
   until "open" comes again. */
"use strict";

class LiveStream {
  static RETRY = 5000;
  static FAILURES_UNTIL_DOWN = 3;

  constructor(address, since, tell) {
    this.address = address;
    this.since = since;
    this.tell = tell;
    this.failures = 0;
    this.connect();
  }

  connect() {
    this.source = new EventSource(`${this.address}?since=${encodeURIComponent(this.since)}`);
    for (const name of ["hello", "conversation", "standing", "roles", "resync", "signed_out"]) {
      this.source.addEventListener(name, (event) => this.receive(name, event));
    }
    this.source.onerror = () => this.fail();
  }

  receive(name, event) {
    this.since = event.lastEventId || this.since;
    this.failures = 0;
    if (name === "signed_out") this.source.close();
    if (name === "hello") this.tell({ type: "open" });
    else this.tell({ type: "event", name, at: event.lastEventId, data: JSON.parse(event.data) });
  }

  /* The browser reconnects by itself, except after an answer that is no stream: then we do, from where we were. */
  fail() {
    this.failures += 1;
    if (this.failures >= LiveStream.FAILURES_UNTIL_DOWN || this.source.readyState === EventSource.CLOSED) {
      this.tell({ type: "down" });
    }
    if (this.source.readyState === EventSource.CLOSED) {
      clearTimeout(this.again);
      this.again = setTimeout(() => this.connect(), LiveStream.RETRY);
    }
  }

  close() {
    clearTimeout(this.again);
    this.source.close();
  }
}

if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope) {
  const RECENT = 60_000;
  const OVERLAP = 10_000;
  const ports = new Set();
  let stream = null;
  let state = null;
  let recent = [];

  const tell = (message) => {
    if (message.name === "signed_out") stream = null;
    else if (message.type === "event") remember(message);
    else state = message;
    for (const port of ports) port.postMessage(message);
  };

  /* A tab that opens finds the stream running: what was told between its rendering and its joining is told again. */
  const remember = (message) => {
    recent = recent.filter(({ at }) => Date.parse(at) > Date.parse(message.at) - RECENT);
    recent.push(message);
  };
  const catchUp = (port, since) => {
    for (const message of recent) if (Date.parse(message.at) >= Date.parse(since) - OVERLAP) port.postMessage(message);
  };

  const hear = (port, message) => {
    if (message.type === "bye") {
      ports.delete(port);
      if (!ports.size && stream) {
        stream.close();
        stream = null;
      }
      return;
    }
    ports.add(port);
    if (stream) {
      if (state) port.postMessage(state);
      catchUp(port, message.since);
    } else {
      state = null;
      recent = [];
      stream = new LiveStream(message.address, message.since, tell);
    }
  };

  self.onconnect = (event) => {
    const [port] = event.ports;
    port.onmessage = ({ data }) => hear(port, data);
  };
} else {
  globalThis.LiveStream = LiveStream;
}

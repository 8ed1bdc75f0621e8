/* The page's end of the live stream. Dispatches on <body>: `live:open` (connected, or connected again),
   `live:conversation` (detail: id, changed_at), `live:standing`, `live:resync`, and `live:poll` every five seconds while
   the stream is down. Only ids arrive; whoever shows something fetches it, permissions checked again. */
"use strict";

(() => {
  const POLL = 5000;
  const { live: address, liveWorker: script, since, user } = document.body.dataset;
  if (!address) return;
  let polling = null;
  let say = () => {};

  const dispatch = (name, detail) => document.body.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));

  function hear(message) {
    if (message.type === "down") {
      polling ??= setInterval(() => dispatch("poll"), POLL);
      return;
    }
    if (message.type === "open") {
      clearInterval(polling);
      polling = null;
      dispatch("open");
    }
    if (message.type === "event" && message.name === "signed_out") window.location.reload();
    else if (message.type === "event" && message.name === "roles") renewNavigation();
    else if (message.type === "event") dispatch(message.name, message.data);
  }

  /* Which pages there are for the user has changed. What is typed on this one stays. */
  async function renewNavigation() {
    const answer = await fetch(window.location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [bar, nav] = [page.querySelector(".topbar"), page.getElementById("nav")];
    if (!answer.ok || !bar) return;
    document.getElementById("nav")?.remove();
    document.querySelector(".topbar")?.replaceWith(...(nav ? [bar, nav] : [bar]));
  }

  function throughWorker() {
    const worker = new SharedWorker(script, { name: `live-${user}` });
    worker.port.onmessage = ({ data }) => hear(data);
    worker.onerror = () => hear({ type: "down" });
    worker.port.start();
    say = (message) => worker.port.postMessage(message);
  }

  function throughPage() {
    const loaded = document.createElement("script");
    let stream = null;
    loaded.src = script;
    loaded.onload = () => say({ type: "hello", address, since });
    loaded.onerror = () => hear({ type: "down" });
    say = (message) => {
      stream?.close();
      stream = message.type === "bye" || !globalThis.LiveStream ? null : new LiveStream(address, message.since, hear);
    };
    document.head.append(loaded);
  }

  if ("SharedWorker" in window) throughWorker();
  else throughPage();
  say({ type: "hello", address, since });

  window.addEventListener("pagehide", () => say({ type: "bye" }));
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    say({ type: "hello", address, since });
    dispatch("resync");
  });
})();

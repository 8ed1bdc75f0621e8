/* The inbox kept up to date: what the live stream says is fetched, read out, and marked as read once it is seen. */
"use strict";

(() => {
  const PAUSE = 400;
  const LOOK_AGAIN = 60_000;
  const body = document.body;
  const thread = document.querySelector("[data-conversation]");
  const messages = document.getElementById("messages");
  const announcer = document.getElementById("announcer");
  const trouble = document.getElementById("trouble");

  /* Fetch a part at once, then at most every PAUSE while more keeps coming: never late for the last, never a flood. */
  const waiting = new Map();
  function refresh(...parts) {
    for (const part of parts) {
      if (waiting.has(part)) {
        waiting.set(part, true);
        continue;
      }
      if (part !== "new" || !writing()) body.dispatchEvent(new CustomEvent(`inbox:${part}`));
      waiting.set(part, false);
      setTimeout(() => {
        const again = waiting.get(part);
        waiting.delete(part);
        if (again) refresh(part);
      }, PAUSE);
    }
  }

  /* Nothing is taken away from under somebody who writes a new message. */
  const writing = () => Boolean(document.querySelector("dialog[open] #new-body")?.value);
  const everything = () => refresh("list", "thread", "composer", "new");
  let connectedBefore = false;
  let lookedAt = Date.now();

  body.addEventListener("live:conversation", ({ detail }) => {
    refresh("list");
    if (detail.id === thread?.dataset.conversation) refresh("thread", "composer");
  });
  body.addEventListener("live:standing", () => refresh("composer", "new"));
  body.addEventListener("live:resync", everything);
  body.addEventListener("live:poll", everything);
  body.addEventListener("live:open", () => {
    if (connectedBefore) everything();
    else refresh("composer", "new");
    connectedBefore = true;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (Date.now() - lookedAt > LOOK_AGAIN) everything();
    lookedAt = Date.now();
    seen();
  });

  /* Read: only what stands on a page that somebody can see. */
  function seen() {
    const form = document.querySelector("#mark-read form");
    if (form && !document.hidden) htmx.trigger(form, "inbox:seen");
  }

  /* The number of unread conversations stands in the title. */
  function title() {
    const unread = document.getElementById("segments")?.dataset.unread;
    const name = document.title.replace(/^\(\d+\+?\) /, "");
    document.title = unread ? `(${unread}) ${name}` : name;
  }

  function say(text) {
    announcer.textContent = text;
  }
  body.addEventListener("inbox:say", ({ detail }) => say(detail.text));

  /* New texts are read out: those of the open thread whole, others by their row. */
  body.addEventListener("inbox:news", ({ target, detail }) => {
    for (const item of detail.items) {
      if (target === messages && item.matches(".msg:not(.msg-out)")) {
        say(interpolate(gettext("New text: %(text)s"), { text: item.querySelector(".bubble").textContent }, true));
      } else if (target !== messages && item.dataset.unread > 0 && !item.querySelector("[aria-current]")) {
        say(interpolate(gettext("New text from %(number)s: %(text)s"), {
          number: item.querySelector(".who").textContent,
          text: item.querySelector(".snippet").textContent,
        }, true));
      }
    }
  });

  /* Whoever reads further up stays there; whoever is at the newest text stays at the newest text. */
  let anchor = null;
  document.addEventListener("htmx:beforeSwap", ({ target }) => {
    if (!messages?.contains(target) || messages.scrollTop > -8) return;
    const top = messages.getBoundingClientRect().top;
    const item = [...messages.querySelectorAll("#texts > .msg")].find((text) => text.getBoundingClientRect().bottom > top);
    anchor = item && { id: item.id, at: item.getBoundingClientRect().top };
  });
  document.addEventListener("htmx:afterSettle", () => {
    const item = anchor && document.getElementById(anchor.id);
    if (item) messages.scrollTop += item.getBoundingClientRect().top - anchor.at;
    anchor = null;
  });

  body.addEventListener("inbox:sent", () => {
    refresh("thread", "list");
    messages.scrollTop = 0;
    document.getElementById("body")?.focus();
    say(gettext("Your text is queued."));
  });
  body.addEventListener("inbox:refused", () => {
    refresh("thread", "list");
    document.getElementById("body")?.focus();
  });

  /* A text whose outcome is unknown may be sent again after a while: look when that time has come. */
  function lookLater() {
    for (const mark of document.querySelectorAll("[data-again-at]:not([data-timed])")) {
      mark.dataset.timed = "";
      setTimeout(() => refresh("thread"), Math.max(0, new Date(mark.dataset.againAt) - Date.now()) + 500);
    }
  }

  function tick() {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: clock.dataset.clock };
      clock.textContent = new Intl.DateTimeFormat("en-GB", options).format(new Date());
    }
  }

  /* An answer from another address is the sign-in page: the session is over. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    if (!xhr.responseURL) return;
    if (new URL(xhr.responseURL).pathname === new URL(pathInfo.requestPath, location.href).pathname) return;
    event.detail.shouldSwap = false;
    window.location.reload();
  });

  const REASONS = {
    0: () => gettext("There is no connection. What you typed is kept; try again."),
    403: () => gettext("This page is too old. Reload it; what you typed is kept."),
    413: () => gettext("That is too long to be sent. Shorten it, then try again."),
    429: () => gettext("Too many requests at once. Wait a minute, then try again."),
  };
  function complain(status) {
    const reason = REASONS[status] ?? (() => gettext("That didn’t work. What you typed is kept; try again."));
    trouble.querySelector("p").textContent = reason();
    trouble.hidden = false;
  }
  const askedByPerson = ({ requestConfig }) => requestConfig.verb !== "get" || requestConfig.elt.matches("a, form");
  document.addEventListener("htmx:responseError", ({ detail }) => {
    if (askedByPerson(detail)) complain(detail.xhr.status);
  });
  document.addEventListener("htmx:sendError", ({ detail }) => {
    if (askedByPerson(detail)) complain(0);
  });
  trouble.querySelector("button").addEventListener("click", () => {
    trouble.hidden = true;
  });

  document.addEventListener("htmx:afterSettle", ({ target }) => {
    if (target.id === "dlg-again") target.showModal();
    title();
    seen();
    lookLater();
  });

  /* The list stays where it was scrolled to while one goes from conversation to conversation. */
  const list = document.getElementById("convo-list");
  const PLACE = "inbox-list-scrolled";
  list.scrollTop = Number(sessionStorage.getItem(PLACE) ?? 0);
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  window.addEventListener("pagehide", () => sessionStorage.setItem(PLACE, String(list.scrollTop)));

  /* htmx has taken up the page by then: its own listener was there first. */
  document.addEventListener("DOMContentLoaded", () => {
    seen();
    lookLater();
    tick();
    setInterval(tick, 20_000);
  });
})();

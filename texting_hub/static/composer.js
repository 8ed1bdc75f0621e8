/* While one types: the segment counter, the draft that outlives a reload of the tab, Ctrl + Enter, and one send at a
   time. Without this file the form still sends. */
"use strict";

(() => {
  const MOST_SEGMENTS = 10;
  const DRAFT = "draft:";
  const say = (text) => document.body.dispatchEvent(new CustomEvent("inbox:say", { detail: { text } }));
  const draftOf = (textarea) => textarea.closest("[data-draft]") && DRAFT + textarea.closest("[data-draft]").dataset.draft;

  /* What made the text UCS-2, in words where the character alone says little. */
  function culprit(character) {
    if ("’‘".includes(character)) return gettext("the curly apostrophe");
    if ("“”„".includes(character)) return gettext("the curly quotation mark");
    if ("–—".includes(character)) return gettext("the long dash");
    if (character === "…") return gettext("the ellipsis");
    if (/\p{Extended_Pictographic}/u.test(character)) return gettext("the emoji");
    return /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) ? character : gettext("an invisible character");
  }

  function encodingWords(counted) {
    if (counted.encoding === "gsm7") return "GSM-7";
    return interpolate(gettext("UCS-2, because of %(character)s"), { character: culprit(counted.because) }, true);
  }

  function counterWords(counted) {
    if (counted.segments > MOST_SEGMENTS) {
      return interpolate(gettext("Too long: %(segments)s segments of at most %(most)s. Shorten it."),
        { segments: counted.segments, most: MOST_SEGMENTS }, true);
    }
    const left = ngettext("%(left)s character left", "%(left)s characters left", counted.left);
    if (!counted.segments) return interpolate(left, counted, true);
    const segments = ngettext("%(segments)s segment", "%(segments)s segments", counted.segments);
    const words = interpolate(`${left} · ${segments}`, counted, true);
    return `${words} · ${encodingWords(counted)}`;
  }

  function count(textarea) {
    const counter = document.getElementById(textarea.dataset.counter);
    if (!counter) return;
    const counted = Segments.measure(textarea.value);
    const words = counterWords(counted);
    counter.textContent = words;
    counter.classList.toggle("is-over", counted.segments > MOST_SEGMENTS);
    tellLater(textarea, counted.segments, words);
  }

  /* Read out only when the number of segments changes, and once the typing pauses. */
  function tellLater(textarea, segments, words) {
    clearTimeout(textarea.telling);
    textarea.told ??= Math.max(segments, 1);
    if (Math.max(segments, 1) === textarea.told) return;
    textarea.telling = setTimeout(() => {
      textarea.told = Math.max(segments, 1);
      say(words);
    }, 1000);
  }

  function begin(root) {
    for (const textarea of root.querySelectorAll("textarea[data-counter]")) {
      const draft = draftOf(textarea);
      // What was typed before this file had come is a draft too.
      if (draft && textarea.value) sessionStorage.setItem(draft, textarea.value);
      else if (draft) textarea.value = sessionStorage.getItem(draft) ?? "";
      count(textarea);
    }
  }

  document.addEventListener("input", ({ target }) => {
    if (!target.matches?.("textarea[data-counter]")) return;
    count(target);
    const draft = draftOf(target);
    if (draft && target.value) sessionStorage.setItem(draft, target.value);
    else if (draft) sessionStorage.removeItem(draft);
  });

  document.addEventListener("keydown", (event) => {
    const textarea = event.target;
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    if (textarea.matches?.("textarea[data-counter]")) textarea.form.requestSubmit();
  });

  /* What is on its way stays as it is until the answer comes. A mere look at the composer takes no key press away. */
  document.addEventListener("htmx:beforeRequest", ({ target, detail }) => {
    if (detail.requestConfig.verb !== "post") return;
    for (const textarea of target.querySelectorAll?.("form textarea, :scope > * textarea") ?? []) textarea.readOnly = true;
  });
  document.addEventListener("htmx:afterRequest", ({ target }) => {
    for (const textarea of target.querySelectorAll?.("textarea") ?? []) textarea.readOnly = false;
  });

  /* The sent text is no draft any more; this comes before the empty composer is looked at. */
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const form = detail.requestConfig.elt.closest("[data-draft]");
    if (form && detail.requestConfig.verb === "post" && detail.xhr.status === 200) {
      sessionStorage.removeItem(DRAFT + form.dataset.draft);
    }
  });

  /* Drafts are their writer's: they go with a sign-out, and before anybody else's inbox is shown in this tab. */
  function forgetDrafts() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT)) sessionStorage.removeItem(key);
  }
  document.addEventListener("submit", ({ target }) => {
    if (target.action.endsWith("/sign-out/")) forgetDrafts();
  });
  const WRITER = "drafts-of";
  if (sessionStorage.getItem(WRITER) !== document.body.dataset.user) forgetDrafts();
  sessionStorage.setItem(WRITER, document.body.dataset.user);

  document.addEventListener("htmx:afterSettle", ({ target }) => begin(target.parentElement ?? target));
  begin(document);
})();

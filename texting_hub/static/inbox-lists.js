/* Bringing a list up to date without touching what did not change: focus, selection, scroll and what was loaded
   further down (or up) stay. An htmx extension: hx-ext="merge" hx-swap="merge".

   A list is marked data-merge="newest-first" or "newest-last"; its items carry an id and data-order. What comes is the
   newest page; an item marked data-edge leads further. Items beyond the newest page are kept while the two still
   touch, otherwise a gap would look like the whole. */
"use strict";

(() => {
  const order = (item) => (item.dataset.order === undefined ? null : Number(item.dataset.order));

  /* What of the shown list lies beyond the fresh page, and may stay. */
  function beyond(shown, fresh, newestFirst) {
    const items = [...shown.children];
    const orders = [...fresh.children].map(order).filter((place) => place !== null);
    const touches = [...fresh.children].some((item) => order(item) !== null && shown.querySelector(`#${item.id}`));
    if (!fresh.querySelector(":scope > [data-edge]") || !touches) return [];
    const last = Math.min(...orders);
    const within = items.findIndex((item) => order(item) !== null && order(item) >= last);
    const lastWithin = items.findLastIndex((item) => order(item) !== null && order(item) >= last);
    return newestFirst ? items.slice(lastWithin + 1) : withoutDay(items.slice(0, Math.max(within, 0)));
  }

  /* The heading of the day in which the fresh page begins comes with that page. */
  function withoutDay(items) {
    return items.at(-1)?.classList.contains("day") ? items.slice(0, -1) : items;
  }

  function merged(shown, fresh, newestFirst) {
    const kept = beyond(shown, fresh, newestFirst);
    const keptIds = new Set(kept.map((item) => item.id));
    const page = [...fresh.children].filter(
      (item) => !(kept.length && "edge" in item.dataset) && !(item.classList.contains("day") && keptIds.has(item.id)),
    );
    const pageIds = new Set(page.map((item) => item.id));
    const rest = kept.filter((item) => !pageIds.has(item.id));
    return newestFirst ? [...page, ...rest] : [...rest, ...page];
  }

  /* Put the list into the wanted state with the fewest changes. The items that are new to the page are returned. */
  function settle(shown, wanted) {
    const added = [];
    let place = shown.firstElementChild;
    for (const item of wanted) {
      const old = item.id ? shown.querySelector(`#${CSS.escape(item.id)}`) : null;
      const same = old && (old === item || old.isEqualNode(item));
      if (same && old === place) {
        place = place.nextElementSibling;
        continue;
      }
      const node = same ? old : item;
      if (!same) added.push(node);
      if (!same && old) {
        if (old === place) place = place.nextElementSibling;
        old.replaceWith(node);
      }
      shown.insertBefore(node, place);
    }
    const ids = new Set(wanted.map((item) => item.id));
    for (const item of [...shown.children]) if (!ids.has(item.id)) item.remove();
    return added;
  }

  function merge(target, fragment) {
    const fresh = fragment.querySelector("[data-merge]");
    const shown = fresh && target.querySelector(`#${fresh.id}`);
    if (!shown) {
      target.replaceChildren(...fragment.childNodes);
      return [...target.children];
    }
    const newestFirst = fresh.dataset.merge === "newest-first";
    const known = Math.max(0, ...[...shown.children].map((item) => order(item) ?? 0));
    const focused = document.activeElement?.id;
    const added = settle(shown, merged(shown, fresh, newestFirst));
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
    const news = added.filter((item) => (order(item) ?? 0) > known);
    if (news.length) target.dispatchEvent(new CustomEvent("inbox:news", { bubbles: true, detail: { items: news } }));
    return added;
  }

  /* Older texts were put in front: the day both pages share is named once. */
  function nameDaysOnce(list) {
    const seen = new Set();
    for (const day of list.querySelectorAll(":scope > .day")) {
      if (seen.has(day.id)) day.remove();
      seen.add(day.id);
    }
  }

  htmx.defineExtension("merge", {
    isInlineSwap: (style) => style === "merge",
    handleSwap: (style, target, fragment) => (style === "merge" ? merge(target, fragment) : false),
  });
  document.addEventListener("htmx:afterSwap", () => {
    const texts = document.getElementById("texts");
    if (texts) nameDaysOnce(texts);
  });
})();

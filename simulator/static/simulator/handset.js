/* Keeps the page current and sends replies without a reload. Without it, forms and links do the same by loading pages. */
const EVERY_MS = 1000;
const bench = document.getElementById("bench");
const parts = new Map();
let tag = "";

async function look() {
  const headers = tag ? { "If-None-Match": tag } : {};
  const answer = await fetch(bench.dataset.live, { headers, cache: "no-store" });
  if (answer.status !== 200) return;
  tag = answer.headers.get("ETag") ?? "";
  const came = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of came.querySelectorAll("[data-part]")) show(part.dataset.part, part.innerHTML);
}

/* Only what changed is replaced, so that focus and scrolling stay where they are. */
function show(id, html) {
  const unchanged = parts.get(id) === html;
  parts.set(id, html);
  const shown = document.getElementById(id);
  if (unchanged || shown.contains(document.activeElement)) return;
  shown.innerHTML = html;
}

async function again() {
  try {
    if (!document.hidden) await look();
  } catch {
    tag = "";
  } finally {
    setTimeout(again, EVERY_MS);
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look().catch(() => {});
});

const form = document.getElementById("write");
form.addEventListener("submit", async (event) => {
  if (!form.querySelector("input[type=hidden][name=business]")) return;
  event.preventDefault();
  const reply = document.getElementById("reply");
  const fields = new FormData(form, event.submitter);
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  if (answer?.type !== "opaqueredirect") {
    form.submit();
    return;
  }
  if (!event.submitter?.value) reply.value = "";
  reply.focus();
  await look().catch(() => {});
});

again();

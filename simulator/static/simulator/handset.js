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
  if (firstThread(came)) {
    location.reload();
    return;
  }
  for (const part of came.querySelectorAll("[data-part]")) show(part.dataset.part, part.innerHTML);
}

/* The chosen phone had no thread, and now has one: the form below must answer it. */
function firstThread(came) {
  const waiting = document.getElementById("business") && !document.getElementById("reply").value;
  return waiting && came.querySelector("[data-business]:not([data-business=''])") !== null && !isNew();
}

function isNew() {
  return new URLSearchParams(location.search).has("new");
}

/* Only what changed is replaced, so that focus and scrolling stay where they are. */
function show(id, html) {
  const shown = document.getElementById(id);
  if (parts.get(id) === html || shown.contains(document.activeElement)) return;
  parts.set(id, html);
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

/* A reply goes out in place; whatever the page must say about it (a new thread, a refusal) comes by a real submit. */
const form = document.getElementById("write");
const reply = document.getElementById("reply");
form.addEventListener("submit", async (event) => {
  const key = event.submitter?.value ?? "";
  if (document.getElementById("business") || (!key && !reply.value)) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  if (answer?.type !== "opaqueredirect") {
    location.reload();
    return;
  }
  if (!key) reply.value = "";
  reply.focus();
  await look().catch(() => {});
});

again();

// Passkeys: a form with data-passkey ("create" or "get") asks the browser before it is sent.
// The options come from the address in data-options; the answer goes into the form's hidden `credential`.
(() => {
  "use strict";

  const supported = window.webauthnJSON !== undefined && window.webauthnJSON.supported();

  const say = (form, what) => {
    const place = form.querySelector("[data-passkey-error]");
    if (!place) return;
    place.hidden = what === "";
    place.querySelector("span").textContent = what === "" ? "" : place.dataset[what];
  };

  const options = async (form) => {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(form.dataset.options, {
      method: "POST",
      headers: { "X-CSRFToken": token },
      redirect: "manual",
    });
    if (!answer.ok) throw new DOMException("no options", "StaleError");
    return answer.json();
  };

  const ask = async (form) => {
    say(form, "");
    form.setAttribute("aria-busy", "true");
    try {
      const wanted = await options(form);
      const answer = await window.webauthnJSON[form.dataset.passkey](wanted);
      form.elements.credential.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      if (error.name === "StaleError") return window.location.reload();
      say(form, error.name === "InvalidStateError" ? "already" : "failed");
    } finally {
      form.removeAttribute("aria-busy");
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!supported) {
      say(form, "unsupported");
      form.querySelector("[type=submit]").disabled = true;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (supported && form.reportValidity()) ask(form);
    });
  }
})();

// The endpoints of one service: Scalar's reference with our session.
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);
  const KEY = "shoal.session";
  const served = location.protocol.startsWith("http");
  const origin = served ? location.origin : self.shoalDocument.servers[0].url;

  // The session lives in this tab only.
  const session = {
    get: () => {
      try {
        const kept = JSON.parse(sessionStorage.getItem(KEY));
        return kept && kept.until > Date.now() ? kept : null;
      } catch {
        return null;
      }
    },
    set: (value) => {
      try {
        if (value) sessionStorage.setItem(KEY, JSON.stringify(value));
        else sessionStorage.removeItem(KEY);
      } catch {
        // Without storage the token lasts as long as the page would: not at all.
      }
      show();
    },
  };
  const keep = (tokens, email) => {
    if (typeof tokens?.access_token !== "string") return;
    session.set({ token: tokens.access_token, email: email ?? "token", until: Date.now() + 1000 * (tokens.expires_in ?? 600) });
  };

  function show() {
    const now = session.get();
    $("#session-state").textContent = now ? `Signed in as ${now.email}` : "Not signed in";
    $("#session-open").hidden = Boolean(now);
    $("#session-end").hidden = !now;
  }

  // The keys that the document shows as examples: sent twice they would only
  // repeat the first answer, so each request gets a new one in their place.
  const exampleKeys = new Set(
    Object.values(self.shoalDocument.paths ?? {})
      .flatMap((item) => Object.values(item))
      .flatMap((operation) => operation?.parameters ?? [])
      .filter((parameter) => parameter.name === "Idempotency-Key")
      .flatMap(({ example, schema }) => [example, schema?.example, schema?.examples?.[0]]),
  );

  // Requests of the console: the session's token where none was typed, and a
  // token that a log-in answers becomes the session's.
  async function send(input, init) {
    let request = new Request(input, init);
    const own = new URL(request.url, location.href).origin === location.origin;
    const typed = /^Bearer\s+(?!YOUR_)\S+/i.test(request.headers.get("authorization") ?? "");
    const now = session.get();
    if (own && !typed) {
      const headers = new Headers(request.headers);
      headers.delete("authorization");
      if (now) headers.set("authorization", `Bearer ${now.token}`);
      request = new Request(request, { headers });
    }
    const key = request.headers.get("idempotency-key");
    if (own && (key === "" || exampleKeys.has(key))) {
      const headers = new Headers(request.headers);
      headers.set("idempotency-key", crypto.randomUUID());
      request = new Request(request, { headers });
    }
    const issues = own && request.method === "POST" && /\/auth\/v1\/(login|refresh)$/.test(new URL(request.url).pathname);
    const sent = issues ? await request.clone().json().catch(() => ({})) : {};
    const response = await fetch(request);
    if (issues && response.ok) keep(await response.clone().json().catch(() => null), sent.email ?? now?.email);
    return response;
  }

  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return (chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  };
  const configuration = () => ({
    content: self.shoalDocument,
    servers: [{ url: origin, description: "The gateway" }],
    customFetch: send,
    authentication: { preferredSecurityScheme: "bearer" },
    // Nothing to the outside: no proxy, no fonts, no telemetry, no assistants.
    proxyUrl: "",
    telemetry: false,
    withDefaultFonts: false,
    showDeveloperTools: "never",
    hideClientButton: true,
    agent: { disabled: true },
    mcp: { disabled: true },
    persistAuth: false,
    documentDownloadType: "none",
    hiddenClients: true,
    hideSearch: true,
    hideDarkModeToggle: true,
    forceDarkModeState: dark() ? "dark" : "light",
    theme: "none",
    layout: "modern",
    defaultOpenAllTags: true,
    operationTitleSource: "summary",
    modelsSectionLabel: "Schemas",
    hideModels: false,
  });

  $("#reference").replaceChildren();
  Scalar.createApiReference("#reference", configuration());
  const recolour = () => {
    // The component looks at its configuration for this once only.
    document.body.classList.toggle("dark-mode", dark());
    document.body.classList.toggle("light-mode", !dark());
  };
  document.addEventListener("shoal:theme", recolour);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

  // Buttons that the component leaves without a name.
  const name = () => {
    for (const button of document.querySelectorAll(".scalar-app [class*=copy-button]:is(button):not([aria-label])")) {
      button.setAttribute("aria-label", "Copy");
    }
  };
  new MutationObserver(name).observe($("#reference"), { childList: true, subtree: true });
  name();

  // Signing in.
  const dialog = $("#sign-in");
  const problem = $("#sign-in-problem");
  $("#session-open").addEventListener("click", () => {
    problem.textContent = served ? "" : "Open this page from a running gateway to send requests.";
    dialog.showModal();
  });
  $("#session-end").addEventListener("click", () => session.set(null));
  $("#sign-in-cancel").addEventListener("click", () => dialog.close());
  $("#sign-in-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const credentials = { email: $("#sign-in-email").value, password: $("#sign-in-password").value };
    const post = (path) => fetch(`${origin}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(credentials),
    });
    try {
      if (event.submitter?.value === "register") await accepted(await post("/auth/v1/register"));
      keep(await accepted(await post("/auth/v1/login")), credentials.email);
      $("#sign-in-password").value = "";
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    }
  });
  async function accepted(response) {
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(body.detail ?? body.title ?? `The gateway answered ${response.status}.`);
    return body;
  }
  show();
})();

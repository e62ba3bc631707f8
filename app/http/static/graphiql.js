// GraphiQL against this page's own address, with an API token and the saved examples.
"use strict";

(() => {
  const TOKEN = "linegraph.token";
  const select = document.getElementById("examples");
  const token = document.getElementById("token");
  const notice = document.getElementById("notice");
  const address = new URL(location.pathname, location.href);
  const socket = new URL(address);
  socket.protocol = address.protocol === "https:" ? "wss:" : "ws:";

  // Kept for this tab only: a shared control-room browser must not remember it.
  token.value = sessionStorage.getItem(TOKEN) ?? "";
  token.addEventListener("change", () => {
    sessionStorage.setItem(TOKEN, token.value.trim());
    draw(undefined, true);
  });

  const bearer = () => (token.value.trim() ? { authorization: `Bearer ${token.value.trim()}` } : {});

  const makeFetcher = () =>
    GraphiQL.createFetcher({
      url: address.href,
      subscriptionUrl: socket.href,
      wsConnectionParams: bearer,
      enableIncrementalDelivery: false,
      fetch: (url, options) =>
        fetch(url, {
          ...options,
          headers: { accept: "application/graphql-response+json, application/json", ...bearer(), ...options.headers },
        }),
    });

  const root = ReactDOM.createRoot(document.getElementById("graphiql"));
  let fetcher = makeFetcher();
  let firstQuery;

  // A new fetcher makes GraphiQL ask for the schema again, which another token may see differently.
  function draw(query, again = false) {
    if (again) fetcher = makeFetcher();
    ReactDOM.flushSync(() =>
      root.render(React.createElement(GraphiQL, { fetcher, query, defaultQuery: firstQuery, shouldPersistHeaders: false })),
    );
  }

  // Drawn without a query first, so that choosing an example once more brings it back after edits.
  function show(example) {
    draw(undefined);
    draw(example.document);
  }

  async function start() {
    let examples = [];
    try {
      const response = await fetch("/static/examples.json");
      if (!response.ok) throw new Error(`status ${response.status}`);
      examples = await response.json();
    } catch (error) {
      notice.textContent = `The examples could not be loaded (${error.message}).`;
    }
    for (const [index, example] of examples.entries()) select.add(new Option(example.title, String(index)));
    firstQuery = examples[0]?.document;
    draw(undefined);

    const linked = examples.findIndex((example) => `#${example.name}` === location.hash);
    if (linked >= 0) {
      select.value = String(linked);
      show(examples[linked]);
    }
    select.addEventListener("change", () => {
      if (select.value === "") return;
      show(examples[Number(select.value)]);
      history.replaceState(null, "", `#${examples[Number(select.value)].name}`);
    });
  }

  start();
})();

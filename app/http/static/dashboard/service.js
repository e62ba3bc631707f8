// Questions to this page's own service, over GraphQL alone.

const DOCUMENT = "/static/dashboard/page.graphql";
const PATIENCE = 45_000;
const PASSING = new Set(["STORE_UNAVAILABLE", "BUSY", "INTERNAL_SERVER_ERROR"]);

/**
 * Why there is no answer. `kind`: "away" passes by itself, "token" wants another token, "refused" another question.
 * `data` is what was answered all the same.
 */
export class Trouble extends Error {
  constructor(kind, message, hint = "", data = null) {
    super(message);
    Object.assign(this, { kind, hint, data });
  }
}

export class Service {
  constructor(token) {
    this.token = token;
    this.text = null;
  }

  /** `{data, now}`, now by the service's clock in milliseconds; Trouble, also once the signal says to give up. */
  async ask(variables, signal) {
    const patience = new AbortController();
    const giveUp = () => patience.abort();
    const timer = setTimeout(giveUp, PATIENCE);
    signal.addEventListener("abort", giveUp);
    const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
    if (this.token.value) headers.Authorization = `Bearer ${this.token.value}`;
    try {
      this.text ??= await read(await fetch(DOCUMENT, { signal: patience.signal }));
      const body = JSON.stringify({ query: this.text, variables });
      const response = await fetch("/graphql", { method: "POST", headers, body, signal: patience.signal });
      const answer = await response.json();
      const now = Date.parse(response.headers.get("Date")) || Date.now();
      if (response.ok && !answer.errors) return { data: answer.data, now };
      throw this.troubleOf(response, answer);
    } catch (error) {
      if (error instanceof Trouble) throw error;
      throw new Trouble("away", "The service does not answer.");
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Adds the pages of plants after the first, which few have, to what was answered. */
  async askOn(data, signal) {
    const rest = { tree: true, chosen: false, path: "", range: { last: "PT1H" }, points: 1, every: "PT1H", marks: false };
    while (data.plants.pageInfo.hasNextPage) {
      const { data: next } = await this.ask({ ...rest, after: data.plants.pageInfo.endCursor }, signal);
      data.plants = { ...next.plants, edges: [...data.plants.edges, ...next.plants.edges] };
    }
  }

  troubleOf(response, answer) {
    const [{ message, extensions: { code, hint = "" } = {} } = {}] = answer.errors ?? [];
    if (response.status === 401 || response.status === 403) {
      const told = this.token.value || response.status === 403;
      return new Trouble("token", told ? message : "This service shows its data to those who have a token.", hint);
    }
    const passing = response.status >= 500 || response.status === 429 || PASSING.has(code);
    return new Trouble(passing ? "away" : "refused", message ?? `Status ${response.status}.`, hint, answer.data ?? null);
  }
}

async function read(response) {
  if (!response.ok) throw new Trouble("away", "The service does not answer.");
  return response.text();
}

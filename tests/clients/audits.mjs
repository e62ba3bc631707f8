// Every audit of the package graphql-http against the service at URL; prints what became of each.
import { serverAudits } from "graphql-http";

const { URL: url, TOKEN: token } = process.env;
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });

const results = [];
for (const { id, name, fn } of serverAudits({ url, fetchFn })) {
  const { status, reason } = await fn();
  results.push({ id, name, status, reason: reason ?? null });
}
console.log(JSON.stringify(results));

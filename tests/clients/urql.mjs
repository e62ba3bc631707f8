// urql's client as it comes; prints the answer, and the media types that it asked for and got.
import { Client, fetchExchange } from "@urql/core";

const { URL: url, TOKEN: token } = process.env;
const seen = {};
const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: process.env.METHOD === "GET",
  fetchOptions: { headers: { authorization: `Bearer ${token}` } },
  fetch: async (address, options) => {
    const response = await fetch(address, options);
    Object.assign(seen, {
      method: options.method,
      accept: options.headers.accept,
      got: response.headers.get("content-type"),
    });
    return response;
  },
});
const { data, error } = await client.query("query Named($code: String!) { plant(code: $code) { code } }", { code: "nowhere" });
console.log(JSON.stringify({ data, error: error ? String(error) : null, ...seen }));

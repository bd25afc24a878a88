// Buys something through the gateway, with types that were made of the platform's document. That it compiles shows
// that the types can be used; that it ends well, that they are true.

import type { components, paths } from "./platform.js";

type Tokens = paths["/auth/v1/login"]["post"]["responses"][200]["content"]["application/json"];
type LogIn = paths["/auth/v1/login"]["post"]["requestBody"]["content"]["application/json"];
type Products = paths["/order/v1/products"]["get"]["responses"][200]["content"]["application/json"];
type PlaceOrder = paths["/order/v1/orders"]["post"]["requestBody"]["content"]["application/json"];
type Order = paths["/order/v1/orders"]["post"]["responses"][201]["content"]["application/json"];
type Problem = components["schemas"]["ProblemDetails"];

declare const process: { env: Record<string, string | undefined>; exitCode: number };

const gateway = process.env["SHOAL_GATEWAY"] ?? "http://127.0.0.1:8080";
const run = process.env["SHOAL_RUN"] ?? "1";

async function call<T>(method: string, path: keyof paths & string, token?: string, body?: object): Promise<T> {
  const headers: Record<string, string> = { "content-type": "application/json", "idempotency-key": `typescript-${run}` };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const answer = await fetch(gateway + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  if (!answer.ok) {
    const problem = (await answer.json()) as Problem;
    throw new Error(`${method} ${path}: ${problem.status} ${problem.code}: ${problem.detail}`);
  }
  return (await answer.json()) as T;
}

const person: LogIn = { email: `typescript-${run}@example.com`, password: "correct horse battery staple" };
await call("POST", "/auth/v1/register", undefined, person);
const tokens = await call<Tokens>("POST", "/auth/v1/login", undefined, person);
const products = await call<Products>("GET", "/order/v1/products");
const product = products.items[0];
if (product === undefined) throw new Error("the catalogue is empty");
const wish: PlaceOrder = {
  items: [{ product_id: product.id, quantity: 2 }],
  expected_total_minor_units: product.price.minor_units * 2,
};
const order = await call<Order>("POST", "/order/v1/orders", tokens.access_token, wish);
const total: number = order.total.minor_units;
if (total !== product.price.minor_units * 2) throw new Error(`the total is ${total}`);
console.log(`an order of ${total} minor units of ${order.total.currency} is ${order.status}`);

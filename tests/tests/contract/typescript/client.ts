// Somebody's program over the types that openapi-typescript makes of docs/openapi.json. It is
// type-checked only: the calls themselves are the same as those of client.py.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const api = createClient<paths>({ baseUrl: "https://penstock.example", headers: { "X-Api-Key": "k" } });

export async function sendLead(): Promise<string> {
  const { data, error } = await api.POST("/leads", {
    params: { header: { "Idempotency-Key": "lead-7" } },
    body: { email: "ada@example.com", name: "Ada Lovelace", tags: ["a", { b: 1 }] },
  });
  if (error) throw new Error(`${error.status} ${error.title}: ${error.detail}`);
  return data.lead_id;
}

export async function sendForm(key: string): Promise<boolean | undefined> {
  const { data } = await api.POST("/leads/{id}", {
    params: { path: { id: key } },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: { email: "ada@example.com" },
    bodySerializer: (body) => new URLSearchParams(body as Record<string, string>),
  });
  return data?.deduplicated;
}

export async function sendEvents(): Promise<string[]> {
  const user: components["schemas"]["UserEvent"] = {
    userId: "u-1",
    sessionId: "s-1",
    type: "order.paid",
    payload: { order: 7 },
    occurredAt: new Date().toISOString(),
    shop: "a field of the sender's own",
  };
  const typed: components["schemas"]["TypedEvent"] = { eventType: "signup", payload: [1, "any JSON"] };
  const { data, error } = await api.POST("/events", { params: { query: { atomic: true } }, body: [user, typed] });
  if (error) throw new Error(error.errors?.map((fault) => `${fault.pointer} ${fault.detail}`).join("; "));
  const rejected: components["schemas"]["EventStatus"] = "rejected";
  return data.results.filter((result) => result.status !== rejected).map((result) => result.eventId ?? "");
}

export async function* journey(userId: string): AsyncGenerator<{ type: string; at: Date }> {
  for (let cursor: string | undefined; ; ) {
    const { data, error } = await api.GET("/users/{userId}/journey", {
      params: { path: { userId }, query: cursor ? { cursor } : { limit: 100 } },
    });
    if (error) throw new Error(error.title);
    for (const event of data.events) yield { type: event.type, at: new Date(event.occurredAt) };
    if (data.nextCursor === null) return;
    cursor = data.nextCursor;
  }
}

// What the contract does not know is an error of the types.
// @ts-expect-error there is no such route
api.GET("/lead");
// @ts-expect-error a user's event has a session
export const incomplete: components["schemas"]["UserEvent"] = { userId: "u-1", type: "t" };

// Fastify with @fastify/rate-limit on Redis.
import rateLimit from "@fastify/rate-limit";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { address, limit, report } from "./common.mjs";
import { holderOf } from "./holders.mjs";

const app = Fastify();

app.addHook("onRequest", async (request, reply) => {
  request.holder = holderOf(request.headers["x-api-key"]);
  if (!request.holder) return reply.code(401).send({ error: "invalid_key" });
});
await app.register(rateLimit, {
  redis: new Redis(process.env.REDIS_URL),
  max: limit,
  timeWindow: "1 minute",
  keyGenerator: (request) => request.holder,
});
app.get("/hello", async () => report);
await app.listen(address);

// Express with express-rate-limit and its Redis store.
import express from "express";
import { rateLimit } from "express-rate-limit";
import { Redis } from "ioredis";
import { RedisStore } from "rate-limit-redis";
import { address, limit, report } from "./common.mjs";
import { holderOf } from "./holders.mjs";

const redis = new Redis(process.env.REDIS_URL);
const app = express();

app.use((request, response, next) => {
  request.holder = holderOf(request.get("X-API-Key"));
  if (request.holder) next();
  else response.status(401).json({ error: "invalid_key" });
});
app.use(
  rateLimit({
    windowMs: 60_000,
    limit,
    standardHeaders: "draft-7", // draft-8 would hash the key once more
    legacyHeaders: false,
    keyGenerator: (request) => request.holder,
    store: new RedisStore({ sendCommand: (command, ...rest) => redis.call(command, ...rest) }),
  }),
);
app.get("/hello", (request, response) => response.json(report));
app.listen(address.port, address.host);

// Better Auth's API key plugin behind Node's own server. It counts in the key's row, so Redis has no part in it.
import { createServer } from "node:http";
import { apiKey, defaultKeyHasher } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import Database from "better-sqlite3";
import { address, inFolder, keys, limit, report } from "./common.mjs";

const WINDOW = 60_000; // milliseconds
const database = new Database(inFolder("better-auth.db"));
database.pragma("journal_mode = WAL");
const options = {
  baseURL: `http://${address.host}:${address.port}`,
  secret: process.env.SECRET_KEY,
  database,
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: WINDOW, maxRequests: limit } })],
};
const auth = betterAuth(options);
await (await getMigrations(options)).runMigrations();
if (!database.prepare("SELECT 1 FROM apikey").get()) await seed();

/** One key by its API; the ground's keys as copies of that row, each under its own hash. */
async function seed() {
  const { internalAdapter } = await auth.$context;
  const user = await internalAdapter.createUser({ name: "bench", email: "bench@example.com", emailVerified: true });
  await auth.api.createApiKey({ body: { userId: user.id } });
  const row = database.prepare("SELECT * FROM apikey").get();
  const names = Object.keys(row);
  const insert = database.prepare(
    `INSERT INTO apikey (${names.map((name) => `"${name}"`)}) VALUES (${names.map((name) => `@${name}`)})`,
  );
  const hashes = await Promise.all(keys().map(defaultKeyHasher));
  database.transaction(() => hashes.forEach((key, number) => insert.run({ ...row, id: `key${number}`, key })))();
}

const server = createServer(async (request, response) => {
  const { valid, key } = await auth.api.verifyApiKey({ body: { key: request.headers["x-api-key"] ?? "" } });
  const body = JSON.stringify(valid ? report : { error: "invalid_key" });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  if (valid) {
    // its window ends so long after the last request, which is this one
    headers["RateLimit-Policy"] = `${limit};w=${WINDOW / 1000}`;
    headers["RateLimit"] = `limit=${limit}, remaining=${limit - key.requestCount}, reset=${WINDOW / 1000}`;
  }
  response.writeHead(valid ? 200 : 401, headers).end(body);
});
server.listen(address.port, address.host);

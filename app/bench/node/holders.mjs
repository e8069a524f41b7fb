// Who holds a key: one SELECT by its digest, in the table that peer_keys.py filled.
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import { inFolder } from "./common.mjs";

const select = new Database(inFolder("peer-keys.db"), { readonly: true })
  .prepare("SELECT holder FROM keys WHERE digest = ?")
  .pluck();

/** The holder's name; undefined for a key that is not known. */
export const holderOf = (key = "") => select.get(createHash("sha256").update(key).digest());

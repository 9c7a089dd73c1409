import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { Slots } from "../../core/slots.ts";

const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const COST = 2 ** 15;
const BLOCK = 8;
const KEY_BYTES = 32;
/** Each hash takes 32 MiB and a core for a tenth of a second. */
const hashing = new Slots(2);

/** A name that nobody guesses: 16 letters and digits, 80 bits. */
export function makeId(): string {
  return [...randomBytes(16)].map((byte) => ID_ALPHABET[byte & 31]).join("");
}

/** A secret of 256 bits that people and addresses can carry. */
export function makeSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** What is kept of a secret: with that alone nobody can log in. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** Compares secrets in the same time, whatever they are. */
export function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(createHash("sha256").update(one).digest(), createHash("sha256").update(other).digest());
}

/** What is kept of a password: `scrypt$COST$BLOCK$SALT$KEY`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST, BLOCK);
  return ["scrypt", COST, BLOCK, salt.toString("base64url"), key.toString("base64url")].join("$");
}

/** Compares a password with what is kept of one. Without that it takes as long: nobody learns which users there are. */
export async function isPassword(password: string, kept: string | undefined): Promise<boolean> {
  const [, cost = COST, block = BLOCK, salt = "", key = ""] = kept?.split("$") ?? [];
  const derived = await derive(password, Buffer.from(salt, "base64url"), Number(cost), Number(block));
  return kept !== undefined && isSameSecret(derived.toString("base64url"), key);
}

function derive(password: string, salt: Buffer, cost: number, block: number): Promise<Buffer> {
  const options = { cost, blockSize: block, maxmem: 256 * cost * block };
  return hashing.run(
    () =>
      new Promise((resolve, reject) =>
        scrypt(password.normalize("NFC"), salt, KEY_BYTES, options, (error, key) =>
          error ? reject(error) : resolve(key),
        ),
      ),
  );
}

import { VmbuilderError } from "../model/errors.ts";
import { recordAction } from "./store/audit.ts";
import { defaultDataDirectory, openDataFolder } from "./store/data-folder.ts";
import { Database } from "./store/database.ts";
import { addToken } from "./store/sessions.ts";
import { findUser, listUsers } from "./store/users.ts";

const DAY_MS = 86_400_000;

/**
 * Makes a token for a user of a server, which may be running. Whoever can read its data folder may.
 *
 * @throws not-found
 */
export async function createUserToken(
  dataDirectory: string | undefined,
  user: string,
  name: string,
  days: number | undefined,
): Promise<{ id: string; user: string; token: string }> {
  const folder = await openDataFolder(dataDirectory ?? defaultDataDirectory());
  const database = new Database(folder.database);
  try {
    if (!findUser(database, user)) {
      const names = listUsers(database).map((one) => one.name);
      throw new VmbuilderError("not-found", `there is no user "${user}" in ${folder.path}`, {
        hint:
          names.length > 0
            ? `the users are ${names.join(", ")}`
            : "start vmbuilder serve first, or give its --data-dir",
      });
    }
    const { id, secret } = addToken(database, user, name, days === undefined ? null : Date.now() + days * DAY_MS);
    recordAction(database, { user, action: "create token", target: id, address: null, detail: "command line" });
    return { id, user, token: secret };
  } finally {
    database.close();
  }
}

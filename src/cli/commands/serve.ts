import { type Command, Option } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import { VERSION } from "../../model/version.ts";
import { WORKER_COMMAND } from "../help.ts";
import { addOidcOptions, type OidcValues, readOidc } from "./serve-oidc.ts";

interface ServeValues extends OidcValues {
  port: string;
  host: string;
  basePath: string;
  dataDir?: string;
  cacheDir?: string;
  publicUrl?: string;
  tlsCert?: string;
  tlsKey?: string;
  allowMirror?: string[];
  allowWebhook?: string[];
  openNetwork?: boolean;
  trustProxy?: string[];
  jobs?: string;
}

/** Adds `vmbuilder serve`, and the command by which it starts its worker. */
export function addServe(program: Command): void {
  const collect = (value: string, earlier: string[] = []) => [...earlier, value];
  const command = program
    .command("serve")
    .summary("Serves the web page and the API.")
    .description("Serves the web page and the API: builds for those who log in.")
    .option("--port <N>", "port to listen on", "8080")
    .option("--host <H>", "address to listen on; other machines reach it only when told", "127.0.0.1")
    .option("--base-path <P>", "path of the page; the API is below", "/vmbuilder/")
    .option("--data-dir <DIR>", "database and images (default ~/.local/share/vmbuilder/server)")
    .option("--cache-dir <DIR>", "cache (default ~/.cache/vmbuilder)")
    .option("--public-url <URL>", "address that people use, when a proxy stands before")
    .option("--tls-cert <FILE>", "certificate chain, PEM")
    .option("--tls-key <FILE>", "its private key, PEM")
    .option("--allow-mirror <HOST>", "host that recipes may name, repeatable", collect)
    .option("--allow-webhook <HOST>", "host that builds may tell of their end, repeatable", collect)
    .option("--open-network", "machines reach what this host reaches; without it they reach nothing")
    .option("--jobs <N>", "builds at once (default: by cores and memory)")
    .option("--trust-proxy <ADDRESS>", "proxy, or its network, whose X-Forwarded-For counts, repeatable", collect);
  addOidcOptions(command).action((values: ServeValues) => serve(program, values));
  program
    .command(WORKER_COMMAND, { hidden: true })
    .requiredOption("--data-dir <DIR>")
    .option("--cache-dir <DIR>")
    .option("--jobs <N>")
    .action((values: Pick<ServeValues, "dataDir" | "cacheDir" | "jobs">) => runWorker(values));
  addToken(program);
}

function addToken(program: Command): void {
  const token = program.command("token").description("Makes tokens, by which programs use the API.");
  token
    .command("create")
    .description("Makes a token and prints it. It is not kept.")
    .requiredOption("--user <U>", "whose rights it has")
    .option("--name <NAME>", "what it is for", "command line")
    .option("--days <N>", "ends after so many days")
    .option("--data-dir <DIR>", "the server's (default ~/.local/share/vmbuilder/server)")
    .addOption(new Option("--json", "print one line of JSON"))
    .action(createToken);
}

async function serve(program: Command, values: ServeValues): Promise<void> {
  const port = wholeNumber("--port", values.port, 0, 65_535) ?? 0;
  const parallelBuilds = wholeNumber("--jobs", values.jobs, 1, 64);
  if (!/^\/(?:[A-Za-z0-9._~-]+\/)*$/.test(`${values.basePath.replace(/\/?$/, "/")}`) || values.basePath.includes(".."))
    throw new VmbuilderError("usage", `--base-path: "${values.basePath}" is no path`, { hint: "such as /vmbuilder/" });
  if ((values.tlsCert === undefined) !== (values.tlsKey === undefined))
    throw new VmbuilderError("usage", "--tls-cert and --tls-key belong together", { hint: "give both" });
  if (values.publicUrl !== undefined && !/^https?:\/\/[^/?#@]+\/?/.test(values.publicUrl))
    throw new VmbuilderError("usage", `--public-url: "${values.publicUrl}" is no address`, {
      hint: "such as https://vm.example.org/",
    });
  const oidc = await readOidc(values);
  const [{ startServer }, { recipeJsonSchema }, { parseProxies }] = await Promise.all([
    import("../../server/serve.ts"),
    import("../recipe-schema.ts"),
    import("../../server/http/client-address.ts"),
  ]);
  const server = await startServer({
    version: VERSION,
    host: values.host,
    port,
    basePath: values.basePath.replace(/\/?$/, "/"),
    dataDirectory: values.dataDir,
    cacheDirectory: values.cacheDir,
    publicUrl: values.publicUrl === undefined ? undefined : new URL(values.publicUrl),
    tls: values.tlsCert && values.tlsKey ? { certificate: values.tlsCert, key: values.tlsKey } : undefined,
    mirrorHosts: values.allowMirror ?? [],
    webhookHosts: values.allowWebhook ?? [],
    proxies: parseProxies(values.trustProxy ?? []),
    oidc,
    parallelBuilds,
    machineNetwork: values.openNetwork ? "open" : "isolated",
    command: ownCommand(),
    workerArguments: [WORKER_COMMAND],
    recipeSchema: () => recipeJsonSchema(program),
  });
  process.stdout.write(`vmbuilder serves ${server.url}\n`);
  if (server.invitationUrl)
    process.stdout.write(
      `Nobody can log in yet. The first admin sets a password here, once:\n  ${server.invitationUrl}\n`,
    );
  if (!isLocal(values.host) && !values.tlsCert && !values.publicUrl?.startsWith("https:"))
    process.stderr.write(
      "warning: passwords cross the network unencrypted; give --tls-cert and --tls-key, or put a proxy before\n",
    );
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await server.stop();
}

async function runWorker(values: Pick<ServeValues, "dataDir" | "cacheDir" | "jobs">): Promise<void> {
  const { runWorkerProcess } = await import("../../server/jobs/worker-process.ts");
  await runWorkerProcess({
    dataDirectory: String(values.dataDir),
    cacheDirectory: values.cacheDir,
    parallelBuilds: wholeNumber("--jobs", values.jobs, 1, 64),
    command: ownCommand(),
  });
}

async function createToken(values: {
  user: string;
  name: string;
  days?: string;
  dataDir?: string;
  json?: boolean;
}): Promise<void> {
  const days = wholeNumber("--days", values.days, 1, 3650);
  const { createUserToken } = await import("../../server/create-token.ts");
  const token = await createUserToken(values.dataDir, values.user, values.name, days);
  process.stdout.write(values.json ? `${JSON.stringify({ type: "token", ...token })}\n` : `${token.token}\n`);
}

/** How this program was started, to start it again. */
function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, String(process.argv[1])];
}

function isLocal(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function wholeNumber(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new VmbuilderError("usage", `${option}: "${text}" is no number from ${min} to ${max}`);
}

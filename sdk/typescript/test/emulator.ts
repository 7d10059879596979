import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** The tokens of sdk/testdata/seed.yaml. Their passwords are as public as that file. */
export const passwords = {
  "ci-pull": "sdk-pull-password-0000000000000001",
  "ci-content": "sdk-content-password-0000000000002",
  "ci-list": "sdk-list-password-0000000000000003",
  "ci-push": "sdk-push-password-0000000000000004",
  "ci-push 2": "sdk-push-password-0000000000000005",
  "ci-names": "sdk-names-password-000000000000006",
  "ci-old": "sdk-old-password-00000000000000007",
  "ci-off": "sdk-off-password-00000000000000008",
};
export const principal = {
  tenant: "11111111-1111-1111-1111-111111111111",
  client: "22222222-2222-2222-2222-222222222222",
  secret: "sdk-application-secret-0000000001",
};

/** The repository with 2,300 tags. */
export const long = "samples/long";
export const longTags = 2300;

/** The time for the emulator to be ready, in milliseconds; the machine may be busy. */
const startTime = 60_000;

export interface Decision {
  id: number;
  method: string;
  path: string;
  outcome: string;
  principal?: string;
}

/** "acrkit emulator start", running, with the seed of sdk/testdata. */
export class Emulator {
  private constructor(
    readonly folder: string,
    readonly host: string,
    readonly process: ChildProcess,
  ) {}

  static async start(...flags: string[]): Promise<Emulator> {
    const binary = process.env.ACRKIT_BINARY;
    if (!binary) {
      throw new Error("ACRKIT_BINARY names no acrkit command; ./check builds one");
    }
    const folder = mkdtempSync(join(tmpdir(), "acrkit-sdk-"));
    const seed = readFileSync(fileURLToPath(new URL("../../testdata/seed.yaml", import.meta.url)), "utf8");
    const tags = Array.from({ length: longTags }, (_, i) => `t${i}`).join(", ");
    const more = `    repositories:\n      - name: ${long}\n        images: [{tags: [${tags}]}]\n`;
    writeFileSync(join(folder, "seed.yaml"), seed.replace("    repositories:\n", more));
    const args = ["emulator", "start", "--addr", "127.0.0.1:0", "--data", join(folder, "data")];
    const child = spawn(binary, [...args, "--seed", join(folder, "seed.yaml"), ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    try {
      const host = await new Promise<string>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("the emulator was not ready in time")), startTime);
        const read = (chunk: Buffer) => {
          output += chunk;
          const found = / at (localhost:[0-9]+),/.exec(output)?.[1];
          if (found !== undefined) {
            clearTimeout(late);
            resolve(found);
          }
        };
        child.stdout.on("data", read);
        child.stderr.on("data", read);
        child.on("error", reject);
        child.on("exit", (code) => reject(new Error(`the emulator ended with ${code}`)));
      });
      return new Emulator(folder, host, child);
    } catch (error) {
      child.kill();
      throw new Error(`${error}\n${output}`);
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.process, "exit");
    this.process.kill();
    await ended;
    rmSync(this.folder, { recursive: true });
  }

  get caFile(): string {
    return join(this.folder, "data", "ca.pem");
  }

  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  /** Calls the control API (emulator/control/openapi.yaml). */
  async control<T>(method: string, path: string, body?: object): Promise<T> {
    const key = readFileSync(join(this.folder, "data", "control-api.key"), "utf8").trim();
    const headers = { "Acrkit-Control-Key": key, "Content-Type": "application/json" };
    const request = httpsRequest(`https://${this.host}/_acrkit/v1${path}`, { method, headers, ca: this.ca });
    request.end(body && JSON.stringify(body));
    const [response] = await once(request, "response");
    const answer = await text(response);
    if (response.statusCode >= 300) {
      throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`);
    }
    return (answer ? JSON.parse(answer) : undefined) as T;
  }

  /** Runs a call, and returns the requests that the emulator decided on meanwhile. */
  async decisions(call: () => Promise<unknown>): Promise<Decision[]> {
    const read = (after: number) =>
      this.control<{ decisions: Decision[]; last: number; more: boolean }>(
        "GET",
        `/decisions?after=${after}&limit=1000`,
      );
    let after = 0;
    for (let page = await read(0); ; page = await read(after)) {
      after = page.decisions.at(-1)?.id ?? after;
      if (!page.more) {
        break;
      }
    }
    await call();
    const page = await read(after);
    return page.decisions;
  }
}

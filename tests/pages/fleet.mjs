// Headquarters with fourteen offices, three of which run on this machine: one that is well, one
// that an operator has paused, one that was revoked. Real daemons; ended with this process.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DAY_S = 86_400;

// How many are enrolled so many days ago, and where: some days without any.
const DAYS = [[27, 4], [24, 8], [20, 11], [17, 6], [13, 13], [9, 9], [6, 12], [4, 10], [1, 7]];

const TODAY = 14;

// An edition that one office has in force and the others still wait for.
const EDITION = `[edition]\nserial = 1\nauthor = "Zainab Kareem"\nreason = "more appointments"
[settings.day]\ncapacity = 120\n`;

export class Fleet {
  constructor(binary, data) {
    this.binary = binary;
    this.root = mkdtempSync(join(tmpdir(), "wasl-pages-"));
    this.daemons = [];
    const lines = readFileSync(join(data, "enrollments.jsonl"), "utf8").trim().split("\n");
    this.forms = (office) => lines.filter((line) => JSON.parse(line).form_number.startsWith(office));
    this.names = JSON.parse(readFileSync(join(data, "offices.json"), "utf8"));
  }

  // Runs a command of `wasl` or `wasl-hq` to its end.
  call(program, dir, words, input = "", env = {}) {
    const args = ["__as", program, ...words, "--data-dir", join(this.root, dir)];
    const stdio = ["pipe", "pipe", "pipe"];
    const options = { input, stdio, env: { ...process.env, ...env } };
    return execFileSync(this.binary, args, options).toString().trim();
  }

  // Starts a daemon and waits for its line; answers where its page is, and how to stop it.
  async run(program, dir, env = {}) {
    const args = ["__as", program, "run", "--http", "127.0.0.1:0", "--data-dir", join(this.root, dir)];
    const stdio = ["ignore", "pipe", "ignore"];
    const child = spawn(this.binary, args, { stdio, env: { ...process.env, ...env } });
    this.daemons.push(child);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const line = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      ended.then((code) => reject(new Error(`${program} in ${dir} ended with ${code}`)));
    });
    const stop = async () => {
      child.kill("SIGTERM");
      await ended;
    };
    return { url: `http://${JSON.parse(line).http}`, stop };
  }

  async start() {
    this.call("wasl-hq", "hq", ["init", "--listen", "127.0.0.1:0"]);
    const hq = await this.run("wasl-hq", "hq");
    const tokens = new Map();
    for (const { id, name_ar, name_en } of this.names) {
      const words = ["office", "add", id, "--name-ar", name_ar, "--name-en", name_en];
      tokens.set(id, this.call("wasl-hq", "hq", words));
    }
    const [well, paused, revoked] = this.names.map(({ id }) => id);
    for (const id of [well, paused, revoked]) {
      this.call("wasl", id, ["join", tokens.get(id)]);
    }
    const forms = this.forms(well);
    for (const [ago, count] of DAYS) {
      const then = await this.run("wasl", well, { WASL_CLOCK_OFFSET_S: `${-ago * DAY_S}` });
      this.call("wasl", well, ["enroll"], forms.splice(0, count).join("\n"));
      await then.stop();
    }
    const offices = { well: await this.run("wasl", well), paused: await this.run("wasl", paused),
      revoked: await this.run("wasl", revoked) };
    this.call("wasl", well, ["enroll"], forms.splice(0, TODAY).join("\n"));
    this.call("wasl", well, ["wait", "--synced", "--timeout", "20"]);
    this.call("wasl", revoked, ["wait", "--link", "--timeout", "20"]);
    this.call("wasl", paused, ["wait", "--link", "--timeout", "20"]);
    this.call("wasl", paused, ["pause", "--why", "the antenna is being moved"]);
    this.call("wasl", paused, ["enroll"], this.forms(paused).slice(0, 11).join("\n"));
    this.edition();
    this.call("wasl-hq", "hq", ["office", "revoke", revoked]);
    await until(async () => {
      const status = await (await fetch(`${offices.revoked.url}/v1/status`)).json();
      return status.link.state === "refused";
    });
    return { hq, ...offices };
  }

  edition() {
    const [file, signed] = [join(this.root, "day.toml"), join(this.root, "day.signed")];
    writeFileSync(file, EDITION);
    const key = join(this.root, "hq.config-key");
    this.call("wasl-hq", "hq", ["config", "sign", file, "--key", key, "-o", signed]);
    this.call("wasl-hq", "hq", ["config", "push", signed, "--now"]);
  }

  async end() {
    for (const daemon of this.daemons) {
      if (daemon.exitCode === null) daemon.kill("SIGKILL");
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}

async function until(so) {
  const end = Date.now() + 30_000;
  while (!(await so())) {
    if (Date.now() > end) throw new Error("it does not become so in 30 s");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

// Looks at the pages of real daemons in headless Chromium, in both languages, on a phone and on a
// desktop. Ends with 1 and says what is wrong, if anything is.
//
//     node look.mjs BINARY PICTURES_DIR

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Fleet } from "./fleet.mjs";

const [binary, pictures] = process.argv.slice(2);
const data = join(dirname(fileURLToPath(import.meta.url)), "../data");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 900 } };
const NARROWEST = { width: 320, height: 640 };
const DIRECTIONS = { ar: "rtl", en: "ltr" };
// What each page must say of itself.
const VERDICTS = { well: "ok", paused: "warn", revoked: "crit" };

// Fewer rules that hold than these mean that axe did not see the page.
const RULES = 15;

const wrong = [];
const complain = (where, what) => wrong.push(`${where}: ${what}`);

const fleet = new Fleet(binary, data);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  mkdirSync(pictures, { recursive: true });
  const pages = await fleet.start();
  for (const [name, { url }] of Object.entries(pages)) {
    for (const lang of Object.keys(DIRECTIONS)) {
      for (const size of Object.keys(SIZES)) await look({ name, url, lang, size });
    }
    await ask(name, url);
  }
} finally {
  await browser.close();
  await fleet.end();
}
if (wrong.length > 0) {
  for (const what of wrong) console.error(`error: ${what}`);
  process.exit(1);
}
console.log(`the pages are well; pictures in ${pictures}`);

async function look({ name, url, lang, size }) {
  const where = `${name}-${lang}-${size}`;
  const context = await browser.newContext({ viewport: SIZES[size], locale: "en-GB" });
  const page = await context.newPage();
  const console_says = (said) => complain(where, `the console says ${said.type()}: ${said.text()}`);
  page.on("console", console_says);
  page.on("pageerror", (e) => complain(where, `a script fails: ${e}`));
  page.on("request", (asked) => {
    if (!asked.url().startsWith(url)) complain(where, `asks ${asked.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.refused = [];
    addEventListener("securitypolicyviolation", (e) => globalThis.refused.push(e.violatedDirective));
  });
  const answer = await page.goto(`${url}/?lang=${lang}`, { waitUntil: "load" });
  const headers = answer.headers();
  if (answer.status() !== 200) complain(where, `is answered with ${answer.status()}`);
  if (!/^default-src 'none'; style-src 'self'/.test(headers["content-security-policy"])) {
    complain(where, "has no strict policy");
  }
  for (const [header, value] of [["x-content-type-options", "nosniff"],
    ["referrer-policy", "no-referrer"], ["cache-control", "no-store"]]) {
    if (headers[header] !== value) complain(where, `${header} is ${headers[header]}`);
  }
  await page.screenshot({ path: join(pictures, `${where}.png`), fullPage: true });
  const html = page.locator("html");
  if ((await html.getAttribute("lang")) !== lang) complain(where, "has another language");
  if ((await html.getAttribute("dir")) !== DIRECTIONS[lang]) complain(where, "runs the wrong way");
  if (VERDICTS[name] && (await page.locator(`.verdict.${VERDICTS[name]}`).count()) !== 1) {
    complain(where, `does not say ${VERDICTS[name]}`);
  }
  if ((await page.evaluate(() => getComputedStyle(document.body).lineHeight)) === "normal") {
    complain(where, "has no style");
  }
  if (name === "hq" && (await page.locator("table.fleet tbody tr").count()) !== 14) {
    complain(where, "does not show the fourteen offices");
  }
  for (const refused of await page.evaluate(() => globalThis.refused)) {
    complain(where, `the policy refuses ${refused}`);
  }
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  if (passes.length < RULES) complain(where, `axe looked at ${passes.length} rules only`);
  for (const { id, help, nodes } of violations) {
    complain(where, `axe: ${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  }
  for (const viewport of [SIZES[size], NARROWEST]) {
    await page.setViewportSize(viewport);
    const [wide, room] = await page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth, root.clientWidth];
    });
    if (wide > room) complain(where, `scrolls sideways: ${wide} in ${room} at ${viewport.width}`);
  }
  // The policy is one that a browser keeps: a style of the page's own is refused.
  page.off("console", console_says);
  await page.evaluate(() => {
    document.head.append(Object.assign(document.createElement("style"), { textContent: "p {}" }));
  });
  await page.waitForFunction(() => globalThis.refused.length > 0, null, { timeout: 5_000 })
    .catch(() => complain(where, "the policy refuses nothing"));
  // The switch leads to the same page in the other language.
  await page.locator(".switch a").click();
  const other = lang === "ar" ? "en" : "ar";
  if ((await html.getAttribute("lang")) !== other) complain(where, "has no way to the other language");
  await context.close();
}

// What is served over TCP, without a browser: to whom, and what not.
async function ask(name, url) {
  const status = (host, path, method = "GET") => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({ hostname, port, path, method, headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on("error", reject);
    asked.end();
  });
  const expect = async (want, ...words) => {
    const got = await status(...words);
    if (got !== want) complain(name, `${words.join(" ")} is answered with ${got}, not ${want}`);
  };
  await expect(421, "evil.example", "/");
  for (const path of ["/", "/page.css", "/livez", "/readyz", "/metrics", "/v1/status"]) {
    await expect(200, "localhost", path);
  }
  if (name === "hq") {
    for (const path of ["/v1/offices", "/v1/records", "/v1/held", "/v1/config/editions"]) {
      await expect(404, "localhost", path);
      await expect(404, "localhost", path, "POST");
    }
    await expect(405, "localhost", "/v1/status", "POST");
  }
}

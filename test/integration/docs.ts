import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { MODEL_STORE, PATHS } from '../../runtime/contract';
import { identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { findProgram } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks, Suite } from './suite';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;
const PATIENCE = 20_000;

/** What a page did beyond what it should. */
interface Watch {
  readonly page: Page;
  /** Errors of the page and of its policy. */
  readonly faults: string[];
  /** Requests to other places than the server. */
  readonly elsewhere: string[];
}

function findBrowser(): string {
  const found = PROGRAMS.map((name) => findProgram(name)).find((program) => program !== undefined);
  if (found === undefined) throw new Skip('no chromium');
  return found;
}

async function watched(browser: Browser, base: string, dark = false): Promise<Watch> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: dark ? 'dark' : 'light',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const watch: Watch = { page, faults: [], elsewhere: [] };
  page.on('console', (message) => {
    // A refusal that is asked for is written into the console by the browser itself.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) watch.faults.push(message.text());
  });
  page.on('pageerror', (error) => watch.faults.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('data:')) watch.elsewhere.push(url);
  });
  await page.goto(`${base}${PATHS.docs}`);
  await page.waitForSelector('nav li');
  return watch;
}

async function send(page: Page): Promise<string> {
  await page.evaluate("document.getElementById('result').replaceChildren()");
  await page.click('button[type=submit]');
  await page.waitForSelector('#status');
  return (await page.textContent('#result')) ?? '';
}

const expectText = (text: string, ...parts: readonly string[]): void =>
  noFaults(parts.filter((part) => !text.includes(part)).map((part) => `'${part}' is not in: ${text.slice(0, 500)}`));

async function tryOperations({ page }: Watch): Promise<void> {
  await page.click('nav a[href="#ModelInfer"]');
  await page.fill('#path-name', 'int64');
  await page.fill(
    '#body',
    '{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [9007199254740993, -1]}]}',
  );
  expectText(await send(page), '401', 'a valid API key or token is needed');
  await page.fill('#key', KEY);
  // Large integers stay what they are, which a page that parsed and printed them would change.
  expectText(await send(page), '200', '9007199254740993', 'model_name');
  await page.fill('#path-name', '<img src=x onerror=alert(1)>');
  expectText(await send(page), '404', 'not served here');
  await page.click('nav a[href="#ServerMetadata"]');
  expectText(await send(page), '200', 'lnmt-inference', 'binary_tensor_data');
}

async function checkKeyboard({ page }: Watch): Promise<void> {
  await page.goto(`${new URL(page.url()).origin}${PATHS.docs}`);
  await page.waitForSelector('nav li');
  await page.keyboard.press('Tab');
  const first = await page.evaluate('document.activeElement.textContent');
  if (first !== 'Skip to the operation') throw new Error(`the first stop of the keyboard is '${String(first)}'`);
  await page.keyboard.press('Enter');
  const focused = await page.evaluate('document.activeElement.id');
  if (focused !== 'operation') throw new Error(`the link leads to '${String(focused)}'`);
  const bare = await page.evaluate(
    "[...document.querySelectorAll('input, textarea, button, nav')].filter((each) => !each.labels?.length && !each.getAttribute('aria-label') && !each.textContent.trim()).length",
  );
  if (bare !== 0) throw new Error(`${String(bare)} fields have no name`);
}

async function checkPolicy({ page, faults }: Watch): Promise<void> {
  const attempt = (code: string): Promise<unknown> =>
    page.evaluate(`(async () => { try { ${code}; return 'allowed'; } catch (error) { return error.name; } })()`);
  const outcomes = [
    await attempt("document.body.innerHTML = '<b>x</b>'"),
    await attempt("document.createElement('script').text = '1'"),
    await attempt("await fetch('http://127.0.0.1:1/')"),
  ];
  noFaults(outcomes.flatMap((each, index) => (each === 'allowed' ? [`attempt ${index} was allowed`] : [])));
  if (!faults.some((text) => text.includes('Content Security Policy'))) throw new Error('the policy reported nothing');
}

async function counted({ page }: Watch, base: string): Promise<void> {
  const { paths } = (await (await fetch(`${base}${PATHS.openapi}`)).json()) as { paths: Record<string, object> };
  const expected = Object.values(paths).flatMap((methods) => Object.keys(methods)).length;
  const drawn = await page.locator('nav li').count();
  if (drawn !== expected) throw new Error(`${drawn} operations are drawn, ${expected} are described`);
  await page.fill('#filter', 'graphql');
  const found = await page.locator('nav li').count();
  if (found !== 1) throw new Error(`the filter leaves ${found} operations`);
  await page.fill('#filter', '');
  for (const link of await page.locator('nav a').all()) {
    await link.click();
    await page.waitForSelector(`nav a[href="${await link.getAttribute('href')}"][aria-current=true]`);
  }
}

async function checkPage(checks: Checks, browser: Browser, base: string): Promise<void> {
  const watch = await watched(browser, base);
  await checks.check('every operation that is described is drawn, and found by its words', () => counted(watch, base));
  await checks.check('operations are tried with a key that is typed in', () => tryOperations(watch));
  await checks.check('it is worked with the keyboard, and every field has a name', () => checkKeyboard(watch));
  await checks.check('it makes no error and asks nobody else', () => noFaults([...watch.faults, ...watch.elsewhere]));
  await checks.check('its policy forbids markup from data, other scripts and other servers', () => checkPolicy(watch));
  const folder = process.env['LNMT_SCREENSHOTS'];
  if (folder === undefined) return;
  for (const dark of [false, true]) {
    const { page } = await watched(browser, base, dark);
    await page.click('nav a[href="#ModelInfer"]');
    await page.fill('#key', KEY);
    await page.fill('#path-name', 'fp32');
    await page.fill('#body', '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5]}]}');
    await send(page);
    await page.screenshot({ path: path.join(folder, dark ? 'dark.png' : 'light.png'), fullPage: true });
    await page.setViewportSize({ width: 420, height: 900 });
    await page.screenshot({ path: path.join(folder, dark ? 'dark-narrow.png' : 'light-narrow.png') });
  }
}

/** The page of the description, in a real browser. */
export const docs: Suite = {
  name: 'docs',
  timeoutMinutes: 5,
  run: async (checks: Checks) => {
    let program = '';
    if (!(await checks.check('a browser is installed', () => void (program = findBrowser())))) return;
    const store = path.join(checks.folder, 'models');
    fs.mkdirSync(store);
    for (const name of ['fp32', 'int64'] as const) {
      const datatype = name.toUpperCase() as Uppercase<typeof name>;
      pushModel(store, name, '1', { [MODEL_STORE.model]: identityModel(datatype) });
    }
    const settings = { modelRepository: pathToFileURL(store).href, modelLoading: 'eager', graphql: 'true' };
    const server = ServerProcess.start(settings);
    checks.after(() => server.dispose());
    await server.ready();
    const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu'] });
    checks.after(() => browser.close());
    await checkPage(checks, browser, await server.url());
  },
};

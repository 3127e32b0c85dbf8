import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { PATHS } from '../../contract';

const ASSETS = path.join(__dirname, 'assets');
const read = (name: string): string => fs.readFileSync(path.join(ASSETS, name), 'utf8').trim();
const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** A page that is whole in itself, and what a browser may do with it. */
export interface Page {
  readonly html: string;
  /** Content security policy: this one style, this one script, this one server. */
  readonly policy: string;
}

/** The page that shows the description of the routes and tries them. It loads nothing but that description. */
export function docsPage(): Page {
  const [style, script] = [read('page.css'), read('page.js')];
  // Hashes are of all between the tags, so nothing else may stand there.
  const html = read('page.html')
    .replace(/(<style>)[^<]*(<\/style>)/, (_all, open, close) => `${open}${style}${close}`)
    .replace(/(<script>)[^<]*(<\/script>)/, (_all, open, close) => `${open}${script}${close}`)
    .replaceAll('/* description */', () => PATHS.openapi);
  const policy = [
    ...["default-src 'none'", `script-src ${hashOf(script)}`, `style-src ${hashOf(style)}`, "connect-src 'self'"],
    ...['img-src data:', "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
  ].join('; ');
  return { html, policy };
}

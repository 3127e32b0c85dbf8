import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** The checkout. */
export const ROOT = path.resolve(__dirname, '../..');

/** A source file: its path below the checkout with `/`, its text and its syntax. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** One import or re-export. */
export interface Import {
  readonly from: string;
  /** The file below the checkout, or the package as written. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const SKIPPED = new Set(['node_modules', 'dist', 'cdktf.out', '.git']);
const parsed = new Map<string, Source>();

/** Every file below a folder of the checkout, with `/`, sorted. */
export function filesBelow(folder: string, end = ''): string[] {
  const start = path.join(ROOT, folder);
  if (!fs.existsSync(start)) return [];
  return fs
    .readdirSync(start, { withFileTypes: true })
    .flatMap((entry) => {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(name, end);
      return entry.name.endsWith(end) ? [name] : [];
    })
    .sort();
}

/** TypeScript of the product: no tests, no declarations. */
export function sources(...folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) => filesBelow(folder, '.ts'))
    .filter((file) => !file.endsWith('.d.ts') && !file.endsWith('.test.ts') && !file.includes('/test/'))
    .map(source);
}

/** A file, parsed once. */
export function source(file: string): Source {
  const known = parsed.get(file);
  if (known) return known;
  const text = fs.readFileSync(path.join(ROOT, file), 'utf8');
  const made = { file, text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true) };
  parsed.set(file, made);
  return made;
}

/** What a file imports, dynamic imports included. */
export function importsOf({ file, tree }: Source): Import[] {
  const found: Import[] = [];
  visit(tree, (node) => {
    const isStatement = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    if (isStatement && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      const typeOnly = ts.isImportDeclaration(node) ? isTypeOnly(node.importClause) : node.isTypeOnly;
      found.push({ from: file, to: resolve(file, node.moduleSpecifier.text), typeOnly });
    }
    const isCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const [argument] = isCall ? node.arguments : [];
    if (argument && ts.isStringLiteral(argument)) {
      found.push({ from: file, to: resolve(file, argument.text), typeOnly: false });
    }
  });
  return found;
}

/** Calls a function with every node of a tree. */
export function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** Line of a node, counted from 1. */
export function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const base = path.posix.join(path.posix.dirname(file), specifier);
  const candidates = [`${base}.ts`, `${base}/index.ts`, base.replace(/\.js$/, '.ts'), base];
  return candidates.find((name) => fs.existsSync(path.join(ROOT, name))) ?? base;
}

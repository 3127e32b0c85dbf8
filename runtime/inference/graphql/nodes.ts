type OfKind<Node, Kind extends string> = Node extends { readonly kind: infer Own extends string }
  ? `${Own}` extends Kind
    ? Node
    : never
  : never;

/** Tells nodes of a document apart, without the library: its enumeration of kinds is there only once it is loaded. */
export function isKind<Node extends { readonly kind: string }, const Kind extends string>(
  node: Node,
  kind: Kind,
): node is Node & OfKind<Node, Kind> {
  return String(node.kind) === kind;
}

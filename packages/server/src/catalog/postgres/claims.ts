/**
 * Work that takes longer than a statement and that every node does: who takes a row marks it, and until when
 * others leave it alone. What a node has marked it may take again.
 */

/** A condition on a row. @param node - the parameter with the node's number */
export function UNCLAIMED(node: string): string {
  return `(claimed_until IS NULL OR claimed_until < now() OR claimed_by = ${node})`
}

/** What marks it. */
export function CLAIM(node: string): string {
  return `claimed_by = ${node}, claimed_until = now() + interval '60 seconds'`
}

/** The part of a version's id that people see and type: `k7f29b1e` of `20261121-070600-k7f29b1e`. */
export function shortVersion(id: string): string {
  return id.slice(-8);
}

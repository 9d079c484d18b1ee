/**
 * Where a symlink may point: to what was extracted with it, and nowhere else.
 *
 * `..` is taken only at the beginning: behind a name that is itself a link it would lead up from where that one points to.
 */

/**
 * @param folder where the link lies, as parts below the top
 * @returns whether it stays below the top, wherever the other links of the tree point to
 */
export function staysInside(folder: readonly string[], target: string): boolean {
  if (target === '' || target.startsWith('/') || /[\0\\]/.test(target) || /^[A-Za-z]:/.test(target)) return false;
  let up = 0;
  let below = false;
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') below = true;
    else if (below) return false;
    else up++;
  }
  return up <= folder.length;
}

/** The way from a folder to a path, both as parts below the same top. */
export function relativeTarget(folder: readonly string[], to: readonly string[]): string {
  let shared = 0;
  while (shared < folder.length && shared < to.length && folder[shared] === to[shared]) shared++;
  const parts = [...Array.from({ length: folder.length - shared }, () => '..'), ...to.slice(shared)];
  return parts.length === 0 ? '.' : parts.join('/');
}

/**
 * Regular expressions over names that a device chose. JavaScript's can take for ever on a name that is made for it, and while one runs nothing else does, not
 * even Ctrl-C: so they run under a time limit that ends them.
 */
import { createContext, Script } from 'node:vm';
import { IbkError } from '../../errors.js';

export interface SafeExpression {
  /** Which of the texts match; a few thousand at a time. @throws IbkError `usage`, reason `slow_expression`, when that takes too long */
  matching(texts: readonly string[]): readonly boolean[];
}

const LONGEST_EXPRESSION = 4096;
/** Longer paths are cut to this; no phone has any. */
const LONGEST_PATH = 8192;
const LIMIT_MS = 2000;

/** @throws IbkError `usage` for text that is no regular expression */
export function compileExpression(source: string, ignoreCase = false): SafeExpression {
  const expression = parse(source, ignoreCase ? 'iu' : 'u') ?? parse(source, ignoreCase ? 'i' : '');
  if (expression === undefined || source.length > LONGEST_EXPRESSION)
    throw new IbkError('usage', `"${source.slice(0, 100)}" is not a regular expression.`, {
      hint: 'A glob is written without --regex: IMG_*.HEIC',
    });
  const script = new Script('texts.map((text) => expression.test(text))');
  const scope: { expression: RegExp; texts: readonly string[] } = { expression, texts: [] };
  const context = createContext(scope);
  return {
    matching: (texts) => {
      scope.texts = texts.map((text) => text.slice(0, LONGEST_PATH));
      try {
        const found: unknown = script.runInContext(context, { timeout: LIMIT_MS });
        return Array.isArray(found) ? found.map(Boolean) : [];
      } catch (error) {
        throw new IbkError('usage', 'The regular expression takes too long on a path of this backup.', {
          reason: 'slow_expression',
          hint: 'Write it without a repetition within a repetition, such as (a+)+',
          cause: error,
        });
      }
    },
  };
}

function parse(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined;
  }
}

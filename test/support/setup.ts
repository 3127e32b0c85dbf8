import { createRequire } from 'node:module';

interface StackTrace {
  captureStackTrace: () => readonly string[];
}

// cdktf writes down, for each of its tokens, the whole stack that made it, for messages about tokens that cannot be
// resolved. Mapped back to the sources, those are half the time of a synthesis. Examples are run with them, as programs.
const cdktf = createRequire(__filename)('cdktf/lib/tokens/private/stack-trace') as StackTrace;
cdktf.captureStackTrace = () => [];

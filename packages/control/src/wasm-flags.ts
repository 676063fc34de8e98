/** How V8 runs the WebAssembly of this process: the embedded database (db/) and Cedar's library (policy/). */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before the first module is compiled. While V8 frees code of the database that it has replaced by faster code, it now and then aborts the whole process
 * (`Check failed: jit_page_->allocations_.erase`, nodejs/node issue 64500): kept, that code costs a few megabytes. And so much work has to
 * pass through a function before it makes that faster code that a start never gets there, which spares it a third of its processor; what is really busy does after a second or two.
 */
export function setWasmFlags(): void {
  setFlagsFromString('--no-wasm-code-gc');
  setFlagsFromString('--wasm-tiering-budget=2000000000');
}

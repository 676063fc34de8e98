/**
 * Room: segmentation (S-1). The digest that pins a tool: a person accepts one definition, and what differs in any member is another
 * tool. Control computes it when a gateway reports a definition, gateways when a server offers one; both must agree.
 */
import { sha256 } from '../digest.ts';
import { canonicalJson, type JsonObject } from '../wire/json.ts';

/** SHA-256 (base64url) of the canonical JSON of the whole MCP definition, unknown members included. */
export function definitionDigest(definition: JsonObject): string {
  return sha256(canonicalJson(definition));
}

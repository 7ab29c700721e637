import { type LookupAddress, lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { buildConnector } from "undici";
import { LlmError } from "../errors.ts";

/*
 * Base URLs are user input: whoever may name one could otherwise reach the database, a cloud's metadata address or the
 * neighbours. The check is made on the address the socket really connects to, so neither a name that resolves to a
 * private address, nor an IP literal (for which no lookup happens), nor a name that resolves differently a second time
 * gets through.
 */

/** True for addresses of the public internet only; false for private, loopback, link-local, reserved and embedded ones. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  let parsed = ipaddr.parse(address);
  if (parsed.kind() === "ipv6") {
    const six = parsed as ipaddr.IPv6;
    if (six.isIPv4MappedAddress()) {
      parsed = six.toIPv4Address();
    } else if (six.parts.slice(0, 6).every((part) => part === 0)) {
      // `::7f00:1`, the deprecated IPv4-compatible form: ipaddr.js calls it unicast.
      return false;
    }
  }
  return parsed.range() === "unicast";
}

function refusal(target: string): LlmError {
  return new LlmError(
    "address_refused",
    `${target} is a private or reserved address. Allow private addresses in the provider account if it is yours (a local Ollama, for example).`,
  );
}

const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, "", 0);
      return;
    }
    const refused = addresses.find((entry) => !isPublicAddress(entry.address));
    if (refused !== undefined) callback(refusal(`${hostname} (${refused.address})`), "", 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 0);
  });
};

/** An undici connector that, unless private addresses are allowed, only ever connects to public ones. */
export function createGuardedConnector(options: {
  allowPrivateAddress: boolean;
  connectTimeoutMs: number;
}): buildConnector.connector {
  if (options.allowPrivateAddress) return buildConnector({ timeout: options.connectTimeoutMs });
  // `lookup` is handed on to net.connect, but undici's option type does not name it for TLS.
  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    lookup: guardedLookup,
  } as buildConnector.BuildOptions);
  return (target, callback) => {
    const literal = target.hostname.replace(/^\[|\]$/g, "");
    if (isIP(literal) !== 0 && !isPublicAddress(literal)) {
      callback(refusal(literal), null);
      return;
    }
    connect(target, (...result) => {
      const socket = result[1];
      // On an error undici gives the error alone.
      if (socket && !isPublicAddress(socket.remoteAddress ?? "")) {
        const address = socket.remoteAddress ?? "an unknown address";
        socket.destroy();
        callback(refusal(`${target.hostname} (${address})`), null);
        return;
      }
      callback(...result);
    });
  };
}

// What the words of the protocol mean, for a person to read.

/** How an ask ended. `who` is the visitor as the agent knows them. */
export function askOutcome(outcome, who) {
  switch (outcome) {
    case "declined":
      return { title: `${who} declined`, text: "The visitor read the terms and said no." };
    case "withdrawn":
      return { title: "You took the request back", text: "It is gone from the visitor’s screen." };
    case "expired":
      return {
        title: "No answer in time",
        text: `${who} did not answer, and that counts as a no. You may ask again.`,
      };
    case "busy":
      return {
        title: `${who} began to share by a key`,
        text: "Ask for the key and type it, and you are in the same session.",
      };
    case "lost":
      return {
        title: "The request was lost",
        text: `${who} went offline, or the connection was gone for too long, before there was an answer.`,
      };
    default:
      return { title: "The request is over", text: "The server did not say why." };
  }
}

/** Why a session is over for this agent. */
export function sessionEnd(reason, who) {
  switch (reason) {
    case "visitor":
      return { title: `${who} stopped sharing`, text: "The visitor ended the session." };
    case "own":
      return { title: "You ended the session", text: "Nobody sees the visitor’s screen any more." };
    case "agent":
      return { title: "The session was ended", text: "Another agent ended it for everybody." };
    case "visitor_lost":
      return {
        title: `${who} was lost`,
        text: "The visitor’s connection broke and did not come back in time.",
      };
    case "visitor_left":
      return { title: `${who} left the app`, text: "Leaving the app ends the session." };
    case "ejected":
      return {
        title: "You were removed from the session",
        text: "Another agent removed you. The session goes on without you.",
      };
    case "left":
      return { title: "You left the session", text: "It goes on without you." };
    case "agent_lost":
      return {
        title: "Your place in the session is gone",
        text: "The connection to the server was broken for too long. The session may go on without you.",
      };
    case "shutdown":
      return { title: "The server was shut down", text: "That ended the session for everybody." };
    case "key_burned":
      return { title: "The session is over", text: "The visitor did not let an agent in, and the key was burned." };
    case "policy":
      return { title: "The session was ended", text: "The server’s operator does not allow more." };
    default:
      return { title: "The session is over", text: "The server did not say why." };
  }
}

/** How long a sign-in still lasts, if that is worth telling. */
export function signInEnds(ms) {
  if (ms > 10 * 60_000) return "";
  if (ms <= 0) return "Your sign-in has expired. You can finish, but begin nothing new.";
  // Whole minutes that are left for sure: the server is a little more patient than the token says.
  const minutes = Math.floor(ms / 60_000);
  return minutes === 0 ? "Your sign-in ends in less than a minute."
    : `Your sign-in ends in ${count(minutes, "minute")}.`;
}

/** Why a request was refused. */
export function refusal(code, request, who) {
  switch (code) {
    case "not_online":
      return { title: `${who} is no longer online`, text: "Wait until the visitor is back." };
    case "visitor_busy":
      return {
        title: `${who} is busy`,
        text: "The visitor is being asked by another agent, or is sharing already.",
      };
    case "agent_busy":
      return { title: "One at a time", text: "You have a request or a session already." };
    case "no_such_key":
      return {
        title: "No session has this key",
        text: "It may be wrong, too old or used up. Ask the visitor to read it out again.",
      };
    case "too_many_tries":
      return {
        title: "Too many wrong keys",
        text: "For a while no more keys are tried. Wait some minutes before the next.",
      };
    case "join_declined":
      return {
        title: "The visitor did not let you in",
        text: "The key is of no more use. Say who you are, and ask the visitor to share again.",
      };
    case "not_allowed":
      return { title: "Your token does not allow this", text: "Ask your operator if you need more." };
    case "sign_in_expired":
      return { title: "Your sign-in has expired", text: "Renew it with a newer token." };
    case "unavailable":
      return {
        title: "Not possible at the moment",
        text: "The server cannot keep its records, and without them nobody is watched. Try again later.",
      };
    case "session_full":
      return { title: "The session is full", text: "No more agents can watch. Wait until one leaves." };
    case "session_gone":
      return { title: "The session is over", text: "It ended before you were in it." };
    case "malformed":
      return { title: "The key is mistyped", text: "Its check digit does not fit." };
    case "limit_exceeded":
      return { title: "The server is full", text: "Try again later." };
    case "no_answer":
      return { title: "There was no answer", text: "The connection broke meanwhile. Try again." };
    default:
      return {
        title: request === "join" ? "The key was not accepted" : "The request was not accepted",
        text: "The server refused it.",
      };
  }
}

/** Why a sign-in was not prolonged. */
export function notRenewed(code) {
  return code === "bad_token"
    ? "The server does not accept this token. It has to be yours, and good for longer than the one you signed in with."
    : closed({ why: "refused", code });
}

/** Why nobody is signed in any more, or could not be. */
export function closed({ why, code }) {
  switch (why) {
    case "refused":
      return {
        bad_token: "The server does not know this token. Check it, or get a new one from the operator.",
        token_expired: "This token has expired. Get a new one from the operator.",
        token_used: "This token was used before and is good for one sign-in. Get a new one from the operator.",
        origin_forbidden: "The server does not take this page for its console. Its operator has to add the page’s address to `public_url` or `origins`.",
        sign_in_expired: "Your sign-in has expired. Get a new token from the operator.",
        unavailable: "The server cannot keep its records at the moment. Try again in a while.",
        unknown_group: "The server knows no such group. Check the group.",
        version_unsupported: "The server speaks another version. Load this page again.",
        limit_exceeded: "The server is full. Try again in a while.",
      }[code] ?? "The server refused to sign you in.";
    case "server":
      return {
        superseded: "Another connection took this one’s place, so it was closed. Sign in again.",
        protocol: "The server closed the connection: this page said what it does not understand. Load it again.",
        policy: "The server’s operator closed the connection.",
        sign_in_expired: "Your sign-in has expired. Get a new token from the operator.",
        shutdown: "The server is shutting down. Try again in a while.",
        refused: "The server is full. Try again in a while.",
      }[code] ?? "The server closed the connection.";
    case "unreachable":
      return "The server cannot be reached. Check the network, then try again.";
    case "no_answer":
      return "The server did not answer in time. Try again.";
    case "protocol":
      return "What answered is not a coview server. Check the address of this page.";
    case "backlog":
      return "Too much was waiting for the connection. Sign in again.";
    default:
      return "";
  }
}

/** What a visitor's light means: the class of the light, and the words beside it. */
export function light({ reachable, busy, app }) {
  if (!reachable) return { look: "away", words: "Connection lost" };
  if (busy) return { look: "busy", words: "Busy" };
  if (app === "active") return { look: "ready", words: "In the app" };
  return { look: "background", words: "In the background" };
}

/** A time span in words: `just now`, `4 min`, `1 h 5 min`, `3 days`. */
export function span(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days} days`;
}

/** A span as a clock shows it: `0:07`, `12:30`, `1:02:03`. */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `1 visitor`, `2 visitors`. */
export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

// What the browser keeps for the page. It may refuse (private windows, policies): then the page works, and forgets when it is left.

const PREFIX = "user-buy-list.";

/** Kept for this browser. */
export const browser = memory(() => localStorage);
/** Kept for this tab, until it is closed. */
export const tab = memory(() => sessionStorage);

function memory(storage) {
  return {
    recall(name) {
      try {
        return JSON.parse(storage().getItem(PREFIX + name));
      } catch {
        return null;
      }
    },

    keep(name, value) {
      try {
        if (value === null) storage().removeItem(PREFIX + name);
        else storage().setItem(PREFIX + name, JSON.stringify(value));
      } catch {
        // Nothing to do: see above.
      }
    },

    /** The names that begin so. */
    names(beginning) {
      try {
        const names = Object.keys(storage()).filter((name) => name.startsWith(PREFIX + beginning));
        return names.map((name) => name.slice(PREFIX.length));
      } catch {
        return [];
      }
    },
  };
}

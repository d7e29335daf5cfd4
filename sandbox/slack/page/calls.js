// Makes calls on behalf of the acting person: a failure becomes a toast, a success a refresh.

import { Unreachable } from "./api.js";
import { toast } from "./dom.js";

const after = { done: async () => {}, lost: () => {} };

export const onCall = (hooks) => Object.assign(after, hooks);

/** Answers what `work` answers, or undefined if it failed and the person was told so. */
export async function attempt(work) {
  try {
    const answer = await work();
    await after.done();
    return answer;
  } catch (error) {
    if (error instanceof Unreachable) after.lost();
    toast(error.message, "error");
    return undefined;
  }
}

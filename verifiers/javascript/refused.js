/** Why nothing is proven. */
export class Refused extends Error {
  /** @param {string} reason one word, @param {string[]} names which parameters differ, where that is the reason */
  constructor(reason, names = []) {
    super(names.length > 0 ? `${reason}: ${names.join(', ')}` : reason)
    this.name = this.constructor.name
    this.reason = reason
    this.names = names
  }
}

/** Refuses for this reason, unless the condition holds. */
export function check(holds, reason) {
  if (!holds) throw new Refused(reason)
}

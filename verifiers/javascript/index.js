// What a relying party does with a receipt, and whoever acts for a software agent with an approval (docs/agents.md). Nothing
// is fetched, and no clock is read: keys and time are arguments. Needs Node and no package.
//
//     const approved = await redeem({ approval, keys, issuer, client, authReqId, now, action, subject, maxAge, used })
//
// Whatever is not proven throws `Refused`, whose `reason` is one word.

export { BadAction, canonical, detail, digest, lines, parse } from './action.js'
export { InMemory, judge, redeem } from './approved.js'
export { verify } from './receipt.js'
export { Refused } from './refused.js'

// The programs of docs/relying-parties.md that are pushed tokens believe none that somebody meddled with on the way.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'

import { programs } from './page.mjs'
import { Provider } from './provider.mjs'
import { Reader } from './reader.mjs'

const READER = await Reader.sitDown()
const other = (text) => text.slice(0, -8) + [...text.slice(-8)].reverse().join('') // of the same form

const MEDDLING = {
  'another access token': (pushed) => ({ ...pushed, access_token: other(pushed.access_token) }),
  'another refresh token': (pushed) => ({ ...pushed, refresh_token: other(pushed.refresh_token) }),
  'another request': (pushed) => ({ ...pushed, auth_req_id: other(pushed.auth_req_id) }),
  'another signature': (pushed) => ({ ...pushed, id_token: other(pushed.id_token) }),
  'an approval of another request': (pushed, kept) => ({ ...kept, auth_req_id: pushed.auth_req_id }),
}

describe('a program that is pushed tokens', () => {
  const seen = new EventEmitter()
  let provider, meddler, kept, meddle

  before(async () => {
    const first = once(seen, 'pushed')
    meddler = createServer(async (request, response) => {
      const pushed = await json(request)
      if (!meddle) {
        seen.emit('pushed', pushed)
        return response.writeHead(204).end()
      }
      const { authorization } = request.headers
      const body = JSON.stringify(meddle(pushed, kept))
      const headers = { authorization, 'content-type': 'application/json' }
      const { status } = await fetch(`http://127.0.0.1:${READER.port}/tokens`, { method: 'POST', headers, body })
      response.writeHead(status).end()
    })
    await new Promise((resolve) => meddler.listen(0, '127.0.0.1', resolve))
    const clients = JSON.parse(READER.read('clients.json'))
    const pushed = clients.find(({ client_id }) => client_id === 'shop-push')
    pushed.backchannel_client_notification_endpoint = `http://127.0.0.1:${meddler.address().port}/tokens`
    provider = await Provider.start(clients)
    READER.set({ ISSUER: provider.described.issuer, SECRET: pushed.client_secret })
    await provider.answer((await READER.run('ask-push')).auth_req_id, 'allow')
    kept = (await first)[0]
  })
  after(async () => {
    await provider?.stop()
    meddler.closeAllConnections()
    meddler.close()
    READER.leave()
  })

  for (const name of programs((chapter) => chapter === 'Push')) {
    test(`${name}: what comes as it was sent is believed`, async () => {
      meddle = (pushed) => pushed
      assert.equal(await READER.follow(name, provider, 'allow'), 'agreed: 1001')
    })

    for (const [what, change] of Object.entries(MEDDLING)) {
      test(`${name}: ${what} is not believed`, async () => {
        meddle = change
        assert.equal(await READER.follow(name, provider, 'allow', 'ignore'), undefined)
      })
    }
  }
})

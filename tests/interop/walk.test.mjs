// What docs/relying-parties.md tells its readers to do, done: its commands and programs run as they stand there. What needs
// TLS is in walk-tls.test.mjs.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { Notifications } from './notifications.mjs'
import { FAPI, KEYS, block, commands, programs, reply } from './page.mjs'
import { Provider } from './provider.mjs'
import { Reader, assertLike } from './reader.mjs'

const READER = await Reader.sitDown()
const here = (chapter) => ![KEYS, FAPI].includes(chapter)

// In order: the programs listen where the page says, one after the other.
describe('the page for relying parties', () => {
  let provider

  before(async () => {
    provider = await Provider.start(JSON.parse(READER.read('clients.json')))
    const { issuer, automation, admin } = provider.described
    const SECRET = provider.client('shop').client_secret
    READER.set({ ISSUER: issuer, AUTOMATION: automation, SECRET, ADMIN: admin.url, ADMIN_TOKEN: admin.token })
  })
  after(async () => {
    await provider?.stop()
    READER.leave()
  })

  const ask = async () => {
    const asked = await READER.run('ask')
    assertLike(asked, reply('ask'))
    return asked
  }

  const answer = async (asked) => {
    assert.deepEqual(await READER.run('answer', { ID: asked.auth_req_id }), reply('answer'))
  }

  const approved = async () => {
    const asked = await ask()
    await answer(asked)
    return READER.collect('poll', asked)
  }

  /** What the page's endpoint is told, once the person has answered. */
  const told = async (command, answered) => {
    const notifications = await Notifications.listen({ port: READER.port })
    const asked = await READER.run(command)
    await answered(asked)
    const token = /client_notification_token=(\S+)/.exec(block(command))[1]
    const { body } = await notifications.called(token)
    notifications.close()
    assert.equal(body.auth_req_id, asked.auth_req_id)
    return { asked, body }
  }

  test('poll with curl', async () => {
    const asked = await ask()
    assert.deepEqual(await READER.run('poll', { ID: asked.auth_req_id }), reply('poll'))
    await answer(asked)
    assertLike(await READER.collect('poll', asked), JSON.parse(block('collected')))
  })

  test('ping with curl', async () => {
    const { asked, body } = await told('ask-ping', answer)
    assert.deepEqual(Object.keys(body), ['auth_req_id'])
    assert.ok((await READER.run('collect-ping', { ID: asked.auth_req_id })).id_token)
  })

  test('push with curl', async () => {
    const { asked, body } = await told('ask-push', answer)
    assertLike(asked, reply('ask-push'))
    assertLike(body, JSON.parse(block('pushed')))
    const denied = await told('ask-push', ({ auth_req_id }) => provider.answer(auth_req_id, 'deny'))
    assertLike(denied.body, JSON.parse(block('pushed-refusal')))
  })

  test('cancelling with curl', async () => {
    const asked = await ask()
    assert.deepEqual(await READER.run('cancel', { ID: asked.auth_req_id }), reply('cancel'))
    assert.equal((await READER.run('poll', { ID: asked.auth_req_id })).error, 'access_denied')
  })

  test('userinfo with curl', async () => {
    const { access_token } = await approved()
    assert.deepEqual(await READER.run('userinfo', { ACCESS_TOKEN: access_token }), reply('userinfo'))
  })

  test('refreshing with curl', async () => {
    const { access_token, refresh_token } = await approved()
    const refreshed = await READER.run('refresh', { REFRESH_TOKEN: refresh_token })
    assert.ok(refreshed.access_token && refreshed.access_token !== access_token)
  })

  test('introspecting and revoking with curl', async () => {
    const resource = await READER.run('register-resource')
    const { access_token: ACCESS_TOKEN, refresh_token: REFRESH_TOKEN } = await approved()
    const introspect = () => READER.run('introspect', { ACCESS_TOKEN, RESOURCE_SECRET: resource.client_secret })
    assertLike(await introspect(), reply('introspect'))
    assert.deepEqual(await READER.run('revoke', { REFRESH_TOKEN }), reply('revoke'))
    assert.deepEqual(await introspect(), { active: false })
  })

  test('registering with curl, and a poll that is held', async () => {
    const registered = await READER.run('register')
    const { client_secret: OWN_SECRET } = registered
    assert.deepEqual(registered, { ...reply('register'), client_secret: OWN_SECRET })
    const asked = await READER.run('ask-held', { OWN_SECRET })
    assert.equal((await READER.run('poll-held', { OWN_SECRET, ID: asked.auth_req_id })).error, 'authorization_pending')
    const collecting = READER.collect('poll-held', asked, { OWN_SECRET })
    await answer(asked)
    assert.ok((await collecting).id_token)
  })

  test('registering itself with curl', async () => {
    const registered = await READER.run('register-itself')
    const { registration_client_uri: REGISTRATION_URI, registration_access_token: REGISTRATION_TOKEN } = registered
    const { client_secret, ...kept } = registered
    assert.ok(client_secret && registered.verified === false)
    assert.deepEqual(await READER.run('read-itself', { REGISTRATION_URI, REGISTRATION_TOKEN }), kept)
  })

  test('no command of the page is left out', () => {
    const poll = ['answer', 'ask', 'poll', 'ask-ping', 'collect-ping', 'ask-push']
    const more = ['cancel', 'userinfo', 'refresh', 'register-resource', 'introspect', 'revoke']
    const registering = ['register', 'ask-held', 'poll-held', 'register-itself', 'read-itself']
    assert.deepEqual(commands(here).sort(), [...poll, ...more, ...registering].sort())
  })

  for (const name of programs(here)) READER.outcomes(test, () => provider, name)
})

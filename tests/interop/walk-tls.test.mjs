// The chapters of docs/relying-parties.md that need TLS: keys, certificates, and the FAPI profile.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { FAPI, KEYS, commands, programs, reply } from './page.mjs'
import { Provider } from './provider.mjs'
import { Reader } from './reader.mjs'

/** A provider as the page starts it, and the reader in front of it, who has copied these programs. */
async function started(reader, ...options) {
  const provider = await Provider.start([], ...options)
  const { issuer, admin, tls } = provider.described
  reader.set({ ISSUER: issuer, ADMIN: admin.url, ADMIN_TOKEN: admin.token, MTLS: tls.mtls, CA: tls.ca })
  reader.set({ CERT: tls.client_certificate, KEY: tls.client_key })
  for (const name of makers) reader.copy(name)
  return provider
}

/** How the page has programs that show no certificate believe the demo's authority. */
const believing = {
  'key.mjs': 'NODE_EXTRA_CA_CERTS',
  'key.py': 'SSL_CERT_FILE',
  'encrypted.mjs': 'NODE_EXTRA_CA_CERTS',
}

/** Programs that say what to register. */
const makers = ['make-key.mjs', 'make-encrypted.mjs']

const keyed = await Reader.sitDown()

describe('the chapter of keys and certificates', () => {
  let provider

  before(async () => {
    provider = await started(keyed, '--tls')
    assert.equal((await keyed.run('register-key')).client_id, 'shop-key')
    assert.equal((await keyed.run('register-certificate')).client_id, 'shop-tls')
    assert.equal((await keyed.run('register-encrypted')).client_id, 'shop-encrypted')
  })
  after(async () => {
    await provider?.stop()
    keyed.leave()
  })

  test('a certificate with curl', async () => {
    const asked = await keyed.run('ask-tls')
    await provider.answer(asked.auth_req_id, 'allow')
    const { access_token: ACCESS_TOKEN } = await keyed.collect('collect-tls', asked)
    assert.deepEqual(await keyed.run('userinfo-tls', { ACCESS_TOKEN }), reply('userinfo-tls'))
  })

  test("one's own certificate with curl", async () => {
    assert.equal((await keyed.run('make-certificate')).client_id, 'shop-own')
    assert.ok((await keyed.run('ask-own')).auth_req_id)
  })

  test('no command of the chapter is left out', () => {
    const certificate = ['register-certificate', 'ask-tls', 'collect-tls', 'userinfo-tls']
    const run = ['register-key', ...certificate, 'make-certificate', 'ask-own', 'register-encrypted']
    assert.deepEqual(commands((chapter) => chapter === KEYS), run)
  })

  const flows = programs((chapter) => chapter === KEYS).filter((name) => !makers.includes(name))
  for (const name of flows) {
    keyed.outcomes(test, () => provider, name, () => ({ [believing[name]]: provider.described.tls.ca }))
  }
})

const bank = await Reader.sitDown()

describe('the chapter of the FAPI profile', () => {
  let provider

  before(async () => {
    provider = await started(bank, '--tls', '--fapi')
    await bank.run('register-key')
  })
  after(async () => {
    await provider?.stop()
    bank.leave()
  })

  for (const name of programs((chapter) => chapter === FAPI)) bank.outcomes(test, () => provider, name)

  test('it has no commands of its own', () => {
    assert.deepEqual(commands((chapter) => chapter === FAPI), [])
  })
})

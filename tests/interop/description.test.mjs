// docs/openapi.json describes what is there: the endpoints that a running OP publishes, and no others.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Provider } from './provider.mjs'

const DESCRIPTION = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url)))
const DISCOVERY = '/.well-known/openid-configuration'
// No standard has a name for it in the discovery document; docs/relying-parties.md says where it is.
const RECEIPT_KEYS = '/receipt-keys'
// Off unless a realm lists clients for it (device_registration_clients).
const DEVICE_REGISTRATION = '/bc-deviceRegistration'
// Told to whoever registered (RFC 7592), and named in prompts.
const TOLD = ['/register/{client_id}', '/clients/{client_id}/logo/{sha256}']

test('the description has every published endpoint and nothing else', async () => {
  const provider = await Provider.start()
  const { issuer } = provider.described
  const published = await (await fetch(issuer + DISCOVERY)).json()
  const urls = Object.entries(published).filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri')
  const paths = urls.map(([, url]) => url.slice(issuer.length))
  assert.deepEqual(Object.keys(DESCRIPTION.paths).sort(), [DISCOVERY, RECEIPT_KEYS, DEVICE_REGISTRATION, ...TOLD, ...paths].sort())
  assert.equal((await fetch(issuer + RECEIPT_KEYS)).status, 200)
  assert.equal((await fetch(issuer + DEVICE_REGISTRATION, { method: 'POST' })).status, 404)
  await provider.stop()
})

// A client's `jwks_uri`.

import { createServer } from 'node:https'

export class PublishedKeys {
  #server

  static async listen(certificate, jwks) {
    const published = new PublishedKeys()
    published.#server = createServer(certificate, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify(jwks))
    })
    await new Promise((resolve) => published.#server.listen(0, '127.0.0.1', resolve))
    return published
  }

  get url() {
    return `https://localhost:${this.#server.address().port}/jwks`
  }

  close() {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** As much of a multistatus answer as files need: https://www.rfc-editor.org/rfc/rfc4918#section-13 */

export interface Resource {
  /** Decoded, without a slash at its end. */
  readonly path: string
  readonly isFolder: boolean
  readonly size: number
  /** Milliseconds since 1970. */
  readonly lastModified: number | undefined
  readonly etag: string | undefined
  readonly type: string | undefined
}

/** Namespaces are not resolved: whatever prefix a server gives to `DAV:`, the names tell enough. */
export function resourcesOf(xml: string): Resource[] {
  return elements(xml, 'response').flatMap((response) => {
    const path = pathOf(text(response, 'href'))
    if (path === undefined) return []
    const modified = Date.parse(text(response, 'getlastmodified') ?? '')
    return {
      path,
      isFolder: /<(?:[\w.-]+:)?collection[\s/>]/.test(elements(response, 'resourcetype').join('')),
      size: Number(text(response, 'getcontentlength') ?? 0),
      lastModified: Number.isNaN(modified) ? undefined : modified,
      etag: text(response, 'getetag') || undefined,
      type: text(response, 'getcontenttype') || undefined,
    }
  })
}

/** The path of a reference, which can be a whole URL. */
function pathOf(href: string | undefined): string | undefined {
  try {
    return decodeURIComponent(new URL((href ?? '').trim(), 'http://host').pathname).replace(/\/+$/, '')
  } catch {
    return undefined
  }
}

function elements(xml: string, name: string): string[] {
  const pattern = new RegExp(`<((?:[\\w.-]+:)?${name})(?:\\s[^>]*[^/>])?>([\\s\\S]*?)</\\1\\s*>`, 'g')
  return Array.from(xml.matchAll(pattern), ([, , inner]) => inner ?? '')
}

function text(xml: string, name: string): string | undefined {
  return elements(xml, name)[0]?.replace(
    /&(?:amp|lt|gt|quot|apos|#(\d+)|#x([\da-f]+));/gi,
    (entity, decimal, hex) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return NAMED[entity] ?? (code <= 0x10ffff ? String.fromCodePoint(code) : entity)
    },
  )
}

const NAMED: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
}

/** As much of Drive's search language as its clients use: https://developers.google.com/drive/api/guides/search-files */

type Value = string | boolean
export interface Searched {
  readonly name: string
  readonly mimeType: string
  readonly trashed: boolean
  readonly parents: readonly string[]
}
type Test = (file: Searched) => boolean

/**
 * The test that a query describes. Throws a SyntaxError where Drive answers 400.
 * @param root The folder that `root` stands for.
 */
export function parseQuery(query: string, root: string): Test {
  const words = query.match(/'(?:[^'\\]|\\.)*'|[()]|!=|=|[A-Za-z]+|\S/g) ?? []
  let at = 0
  const take = () => words[at++] ?? ''

  function either(): Test {
    let left = both()
    while (words[at] === 'or') {
      at++
      const [a, b] = [left, both()]
      left = (file) => a(file) || b(file)
    }
    return left
  }

  function both(): Test {
    let left = term()
    while (words[at] === 'and') {
      at++
      const [a, b] = [left, term()]
      left = (file) => a(file) && b(file)
    }
    return left
  }

  function term(): Test {
    const word = take()
    if (word === '(') {
      const inner = either()
      if (take() !== ')') throw new SyntaxError('a parenthesis is missing')
      return inner
    }
    if (word === 'not') {
      const inner = term()
      return (file) => !inner(file)
    }
    if (word.startsWith("'")) {
      if (take() !== 'in' || take() !== 'parents') throw new SyntaxError('only parents can be looked in')
      const name = literal(word)
      const id = name === 'root' ? root : name
      return ({ parents }) => parents.some((parent) => parent === id)
    }
    if (word !== 'name' && word !== 'mimeType' && word !== 'trashed') throw new SyntaxError(`what is ${word}`)
    const operator = take()
    const wanted = literal(take())
    if (operator === '=') return (file) => file[word] === wanted
    if (operator === '!=') return (file) => file[word] !== wanted
    throw new SyntaxError(`what is ${operator}`)
  }

  const test = either()
  if (at < words.length) throw new SyntaxError(`unexpected ${words[at]}`)
  return test
}

function literal(word: string): Value {
  if (word === 'true' || word === 'false') return word === 'true'
  if (!word.startsWith("'")) throw new SyntaxError(`what is ${word}`)
  return word.slice(1, -1).replace(/\\(.)/g, '$1')
}

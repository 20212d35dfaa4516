import DefaultTheme from 'vitepress/theme'
import './colours.css'
import './picture.css'

export default DefaultTheme

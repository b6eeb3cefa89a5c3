<?php
// A Symfony app as its developer would write it: FrameworkBundle, TwigBundle, MercureBundle, one page, one publisher.
//
//   php -S 127.0.0.1:8001 index.php      with these variables:
//
//   SYMFONY          the folder of the packages
//   APP_ENV_FILE     the rendered app.env, which Dotenv reads (variables of the environment win, as always)
//   APP_MERCURE      config/packages/mercure.yaml: the recipe's, or the rendered one
//   APP_PAGES        the folder of page.html.twig, the very file that the README shows
//   APP_VAR          cache and log
//   APP_DEBUG        kernel.debug, when it is not empty
//   APP_CHECKED      optional, a JSON file that is shown beside the page: {"programs": ["PHP 8.2", ...],
//                    "answers": [[what was asked, what was answered], ...]}
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Bundle\MercureBundle\MercureBundle;
use Symfony\Bundle\TwigBundle\TwigBundle;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\Dotenv\Dotenv;
use Symfony\Component\HttpFoundation\{Request, Response};
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Mercure\{HubInterface, Update};
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

require __DIR__.'/../php/packages.php';
require __DIR__.'/composer.php';
foreach (glob(getenv('SYMFONY').'/Twig/Resources/*.php') as $file) {
    require_once $file;
}

final class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        return [new FrameworkBundle(), new TwigBundle(), new MercureBundle()];
    }

    public function getProjectDir(): string
    {
        return __DIR__;
    }

    public function getCacheDir(): string
    {
        return getenv('APP_VAR').'/cache';
    }

    public function getLogDir(): string
    {
        return getenv('APP_VAR').'/log';
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', [
            'secret' => 'of no use here',
            'http_method_override' => false,
            'handle_all_throwables' => true,
            'php_errors' => ['log' => true],
            'trusted_proxies' => '127.0.0.1',
            'trusted_headers' => ['x-forwarded-for', 'x-forwarded-proto'],
        ]);
        $container->extension('twig', ['paths' => [__DIR__.'/templates', getenv('APP_PAGES')], 'strict_variables' => true]);
        $container->import(getenv('APP_MERCURE'));
        $container->services()->defaults()->autowire()->autoconfigure()->set(Books::class, Books::class)->public();
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->add('show', '/')->controller([Books::class, 'show'])->methods(['GET']);
        $routes->add('publish', '/')->controller([Books::class, 'publish'])->methods(['POST']);
    }
}

final class Books extends AbstractController
{
    private const BOOK = 'https://example.com/books/1';

    public function show(Request $request): Response
    {
        return $this->render('book.html.twig', [
            'topic' => self::BOOK,
            // who is logged in: a reader of this book, a reader of another one, or nobody
            'allowed' => match ($request->query->get('user', 'reader')) {
                'reader' => [self::BOOK],
                'other' => ['https://example.com/books/2'],
                'nobody' => null,
            },
            'origin' => $request->getSchemeAndHttpHost(),
            'hub' => $_ENV['MERCURE_PUBLIC_URL'],
            'php' => \PHP_VERSION,
            'checked' => json_decode(($file = getenv('APP_CHECKED')) ? file_get_contents($file) : '[]', true),
        ]);
    }

    /** Publishes `text`, privately unless `public`; answers with the update's id, or with a 502 and every cause. */
    public function publish(Request $request, HubInterface $hub): Response
    {
        try {
            $form = $request->request;

            return new Response($hub->publish(new Update(self::BOOK, $form->get('text'), private: !$form->has('public'))));
        } catch (Throwable $error) {
            for ($causes = []; $error; $error = $error->getPrevious()) {
                $causes[] = $error::class.': '.$error->getMessage();
            }

            return new Response(implode("\n", $causes), Response::HTTP_BAD_GATEWAY);
        }
    }
}

(new Dotenv())->load(getenv('APP_ENV_FILE'));
$kernel = new Kernel('prod', (bool) getenv('APP_DEBUG'));
$response = $kernel->handle($request = Request::createFromGlobals());
$response->send();
$kernel->terminate($request, $response);
